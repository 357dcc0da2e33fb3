// What loss buys: one skill under several metrics, scores by compute, facts by readings, attempts, and thinking for training.

import { chart } from "../core/charts.js";
import { choice, select, slider } from "../core/controls.js";
import { h } from "../core/dom.js";
import { count, fixed, flops, percent } from "../core/format.js";
import { perFrame } from "../core/frame.js";
import { choiceFrom, numberFrom } from "../core/state.js";
import { readings, table } from "../core/table.js";
import { score } from "../dial/around.js";
import {
  attemptsToSee, bestTrade, coverage, exactMatch, largestStep, measuredAtK, optimal, passAtK, readCounts, readingsFor,
  recallAfter, skillAt,
} from "./model.js";

const REST = 160; // ms without a move after which the link is written
const EIGHTY = 1.2815515655446004; // of a normal: 80 % lie within so many standard deviations
const STEPS = 61;
const METRICS = [
  ["exact", "exact match"], ["tokens", "tokens right"], ["distance", "edit distance"], ["brier", "Brier score"],
  ["logprob", "log-probability"],
];
const MEANING = {
  exact: "Share of answers right in every token.", tokens: "Share of tokens right.",
  distance: "Tokens of an answer that are wrong; less is better.",
  brier: "Mean of (1 - p)², p the probability of the right answer; less is better.",
  logprob: "Mean log-probability of a token of the right answer, nats.",
};

export const view = { id: "capability", label: "Capability", title: "What loss buys", mount };

function mount(root, app) {
  const { facts, emergence, recall, specs } = app.data;
  const skills = [...new Map(emergence.rows.map((row) => [`${row.task}-${row.level}`, row])).entries()];
  const ranges = {
    Q: { min: 2.3, max: 5, usual: 3 }, L: { min: 1, max: 50, step: 1, usual: 8 }, C: { min: 1e19, max: 1e28, usual: 1e24, log: true },
    r: { min: 1, max: 512, usual: 16, log: true }, k: { min: 1, max: 1e5, usual: 100, log: true },
    p: {
      min: 1e-4, max: 0.9, usual: 0.05, log: true,
    }, a: { min: 0.1, max: 3, usual: 0.4 }, z: { min: 0, max: 0.5, usual: 0.1 },
    T: { min: 1e22, max: 1e28, usual: 1e25, log: true }, S: { min: 1e8, max: 1e17, usual: 1e13, log: true },
  };
  const choices = {
    skill: [skills.map(([key]) => key), "add-3"], metric: [METRICS.map(([key]) => key), "exact"],
    test: [facts.scores.map((one) => one.name), facts.scores[0].name],
    task: [facts.skills.map((one) => one.name), facts.skills[0].name],
  };
  const usual = {
    ...Object.fromEntries(Object.entries(ranges).map(([key, one]) => [key, one.usual])),
    ...Object.fromEntries(Object.entries(choices).map(([key, [, first]]) => [key, first]))
  };
  const read = (params) => ({
    ...Object.fromEntries(Object.entries(ranges).map(([key, one]) => [key, numberFrom(params, key, one)])),
    ...Object.fromEntries(
      Object.entries(choices).map(([key, [allowed, first]]) => [key, choiceFrom(params, key, allowed, first)])
    ),
  });
  let setting = read(app.params);
  const controls = new Map();
  const handle = (key, label, write, hint = "") => {
    const made = slider({
      label, ...ranges[key], value: setting[key], write, hint,
      onInput: (value) => change({ [key]: Number(value.toPrecision(3)) }),
    });
    controls.set(key, made);
    return made.element;
  };
  const pick = (key, made) => {
    controls.set(key, made);
    return made.element;
  };
  const live = (name, label) => chart({ spec: specs[name], name: `capability-${name}`, label });
  const pictures = {
    metric: live(
      "metric", "One skill of the same models by the metric chosen",
    ), length: live("length", "What exact match would be at another length"),
    score: live("score", "Score of a benchmark by training compute"), skill: live("skill", "Score of a task by loss"),
    recall: live("recall", "Facts recalled by times read"),
    attempts: live("attempts", "Problems solved by attempts"), trade: live(
      "trade", "Inference against training compute at one quality",
    ),
  };
  const cells = {
    score: readings([{ key: "score", label: "Expected score" }, { key: "loss", label: "Loss of a compute-optimal run" }]),
    skill: readings([{ key: "score", label: "Expected score" }, { key: "buys", label: "A loss lower by 0.1 nats brings" }]),
    attempts: readings([
      { key: "alike", label: "Solved, if all problems are alike" },
      { key: "differ", label: "Solved, if they differ" }, { key: "seen", label: "Attempts to see one success" },
    ]),
    trade: readings([{ key: "best", label: "Cheapest" }, { key: "saving", label: "Saved of training and inference" }]),
  };
  const known = table({ caption: "Recall by size", rows: [], columns: [
    { name: "size", title: "Parameters" }, { name: "recall", title: "Recalled", number: true }, {
      name: "half", title: "Readings to know half", number: true,
    }, { name: "most", title: "To know 90 %", number: true },
  ] });
  pictures.recall.set("chance", [{ share: recall.chance }], false);
  pictures.recall.set("curves", recall.curves, false);
  pictures.recall.set("answers", recall.answers);
  pictures.recall.title(
    recall.title,
    "Dots: facts recalled, with 90 % binomial intervals. Lines: an S-curve in the logarithm of readings. Dotted: guessing.",
  );

  const pasted = h("textarea", {
    rows: "4", spellcheck: "false", placeholder: "3/100\n0/100\n41/100", oninput: () => change({ counts: true }),
  });
  const heard = h("p", { class: "hint", role: "status" });
  const sections = {
    metric: part("Does a skill emerge, or does its metric?", beside([
      pick(
        "skill",
        select({
          label: "Skill",
          options: skills.map(([key, row]) => [key, `${row.task}, level ${row.level} (answers of ${tokens(row.length)})`]),
          value: setting.skill, onInput: (value) => change({ skill: value }),
        }),
      ),
      pick(
        "metric",
        choice({ label: "Metric", options: METRICS, value: setting.metric, onInput: (value) => change({ metric: value }) }),
      ),
      handle(
        "L", "Length of the answer, L", (x) => tokens(x),
        "For the second chart: exact match of an answer of L tokens is p^L.",
      ),
    ], h("div", { class: "pair" }, pictures.metric.element, pictures.length.element), note(`${emergence.about} Small `
      + `models on made-up tasks: they show how metrics behave, not what large models can do.`))),
    score: part("From compute to skill", beside([
      pick(
        "test",
        select({
          label: "Benchmark", options: facts.scores.map((one) => [one.name, one.name]), value: setting.test,
          onInput: (value) => change({ test: value }),
        }),
      ),
      handle("C", "Training compute", (x) => flops(x)),
    ], cells.score.element, pictures.score.element, note(facts.scores[0].source))),
    skill: part("What does a lower loss buy?", beside([
      pick(
        "task",
        select({
          label: "Task", options: facts.skills.map((one) => [one.name, one.name]), value: setting.task,
          onInput: (value) => change({ task: value }),
        }),
      ),
      handle("Q", "Loss on C4 text", (x) => `${fixed(x, 2)} nats per token`),
    ], cells.skill.element, pictures.skill.element, note(`${facts.skills[0].rows} models of up to 6.9B parameters, trained on `
      + `three sets of text. ${facts.skills[0].source}. Their loss tells far more than compute does, but it is the loss on one text.`))),
    recall: part(
      "How often must a fact be read?",
      beside(
        [handle("r", "Times a fact is read", (x) => `${fixed(x, 0)} times`)], pictures.recall.element, known.element,
        note(recall.about),
      ),
    ),
    attempts: part("What do more attempts bring?", beside([
      handle("p", "Success of one attempt", (x) => percent(x)), handle("k", "Attempts at each problem", count),
      handle(
        "a", "How alike problems are (tail index)", (x) => fixed(x, 2),
        "Small: many problems are nearly hopeless, and failures fall slowly.",
      ),
      handle("z", "Share never solved", (x) => percent(x)),
      h("label", { class: "pasted" }, h("span", {}, "Your own problems: successes/attempts, one a line"), pasted), heard,
    ], cells.attempts.element, pictures.attempts.element)),
    trade: part("Train more, or think longer?", beside([
      handle("T", "Training compute of the quality wanted", (x) => flops(x)), handle("S", "Tokens served over its life", count),
    ], cells.trade.element, pictures.trade.element, note("Cost is of chips' peak: training keeps "
      + `${percent(facts.use.train_use)} of it, serving ${percent(facts.use.serve_use)}, three quarters of the tokens generated. Spans `
      + "of Villalobos and Atkinson 2023, each from one or two tasks. Attempts pay only where answers can be checked."))),
  };
  root.append(h(
    "h1", {}, "What loss buys",
  ), h("p", { class: "lead" }, "A lower loss makes which skill appear when, how much of a jump is the metric's doing, and when is it "
    + "cheaper to think longer than to train more?"), ...Object.values(sections));

  const paint = {
    metric() {
      const own = emergence.rows.filter((row) => `${row.task}-${row.level}` === setting.skill);
      const rows = (of) => own.map((row) => ({ flops: 6 * row.N * row.D, size: count(row.N), score: of(row) }));
      const largest = own.filter((row) => row.N === Math.max(...own.map((one) => one.N)));
      const step = (metric) => percent(largestStep(largest.map((row) => row[metric])));
      const name = METRICS.find(([key]) => key === setting.metric)[1];
      const other = setting.metric === "exact" ? ["logprob", "log-probability"] : ["exact", "exact match"];
      pictures.metric.set("models", rows((row) => row[setting.metric]));
      pictures.metric.title(`By ${name}, ${step(setting.metric)} of the change comes in one doubling of training; by `
        + `${other[1]}, ${step(other[0])}`,
        `Largest of the models. ${MEANING[setting.metric]} The same models, whatever the metric.`);
      const last = largest[largest.length - 1];
      pictures.length.set("models", rows((row) => exactMatch(row.tokens, setting.L)));
      pictures.length.title(`With ${tokens(setting.L)}, ${percent(last.tokens)} of tokens right makes `
        + `${percent(exactMatch(last.tokens, setting.L))} of answers right`,
        "p^L, p the share of tokens right: the longer the answer, the later and the more suddenly it seems to come.");
    },
    score() {
      const test = facts.scores.find((one) => one.name === setting.test);
      const band = Array.from({ length: STEPS }, (_, k) => 10 ** (19 + (9 * k) / (STEPS - 1)));
      const at = (C) => ({ flops: C, ...score(test, C) });
      const here = at(setting.C);
      pictures.score.set("here", [here], false);
      pictures.score.set("band", band.map(at));
      const beyond = setting.C > test.seen[1] ? `; ${flops(setting.C / test.seen[1]).replace(" FLOP", "")} times the `
        + `largest model behind the curve` : "";
      pictures.score.title(`${test.name} at ${flops(setting.C)}: ${percent(here.value)}, between ${percent(here.low)} `
        + `and ${percent(here.high)}`,
        `${test.name}: ${test.what}. Mean of two S-curves through base models; band: 80 % of models. Compute alone leaves that much open.`);
      cells.score.set("score", percent(here.value), `80 %: ${percent(here.low)} to ${percent(here.high)}${beyond}`);
      const best = optimal(facts.law, setting.C);
      cells.score.set(
        "loss", `${fixed(best.loss, 3)} nats`,
        `${count(best.N)} parameters on ${count(best.D)} tokens, ${facts.law.name}`,
      );
    },
    skill() {
      const task = facts.skills.find((one) => one.name === setting.task);
      const at = (loss) => {
        const value = skillAt(task, loss);
        const off = EIGHTY * task.sd;
        return { loss, value, low: Math.max(value - off, 0), high: Math.min(value + off, 1) };
      };
      const here = at(setting.Q);
      const gain = 100 * (skillAt(task, setting.Q - 0.1) - here.value);
      pictures.skill.set("here", [here], false);
      pictures.skill.set("band", Array.from({ length: STEPS }, (_, k) => at(2.2 + (2.8 * k) / (STEPS - 1))));
      pictures.skill.title(`${task.name} at ${fixed(setting.Q, 2)} nats: ${percent(here.value)}; 0.1 nats less bring `
        + `${fixed(gain, 1)} points`, `${task.name}: ${task.what}. An S-curve in the loss; band: 80 % of models.`);
      const beyond = setting.Q < task.seen[0] ? `; no model had less than ${fixed(task.seen[0], 2)} nats` : "";
      cells.skill.set("score", percent(here.value), `80 %: ${percent(here.low)} to ${percent(here.high)}${beyond}`);
      cells.skill.set("buys", `${fixed(gain, 1)} points`, "most in the middle of the S, little at its ends");
    },
    recall() {
      known.show(recall.rises.map((one) => ({
        size: count(one.params), recall: percent(
          recallAfter(one, setting.r)
        ), half: fixed(readingsFor(one, 0.5), 1), most: fixed(readingsFor(one, 0.9), 0),
      })));
    },
    attempts() {
      const { p, k, a, z } = setting;
      const spread = { a, b: Math.max((a * (1 - z)) / p - a, 1e-3), never: z };
      const along = Array.from({ length: STEPS }, (_, i) => 10 ** ((5 * i) / (STEPS - 1)));
      const alike = (m) => -Math.expm1(m * Math.log1p(-p));
      const here = coverage(spread, k);
      pictures.attempts.set("here", [{ k, share: here }], false);
      pictures.attempts.set(
        "line",
        [
          ...along.map((m) => ({ k: m, share: coverage(spread, m), what: "problems differ" })),
          ...along.map((m) => ({ k: m, share: alike(m), what: "all alike" })),
        ],
      );
      pictures.attempts.title(`${count(Math.round(k))} attempts solve ${percent(here)} of problems that differ, `
        + `${percent(alike(k))} if all were alike`,
        `One attempt solves ${percent(p)} on average in both. Failures fall as k^-${fixed(a, 2)}, not exponentially.`);
      showGiven();
      cells.attempts.set("alike", percent(alike(k)), "1 - (1 - p)^k");
      cells.attempts.set("differ", percent(here), `at most ${percent(1 - z)}`);
      cells.attempts.set(
        "seen", count(attemptsToSee(p, 0.95)),
        `at p = ${percent(p)}, with 95 % confidence; of 200 attempts with ${Math.round(200 * p)} successes pass@10 is `
          + `${percent(passAtK(200, Math.round(200 * p), 10))}`,
      );
    },
    trade() {
      const { N } = optimal(facts.law, setting.T);
      const demand = { training: setting.T, serving: 2 * N * setting.S, ...facts.use };
      const found = facts.trades.map((one) => bestTrade(demand, one, STEPS));
      const best = found.reduce((x, y) => (y.saving > x.saving ? y : x));
      const used = found.filter((one) => Math.abs(one.training / demand.training - 1) > 1e-6); // not at all is the cross
      const all = found.flatMap((one) => one.curve);
      const ends = [Math.min(...all.map((one) => one.training)), Math.max(...all.map((one) => one.training))];
      pictures.trade.set(
        "equal", ends.map((training) => ({ training, serving: (training / demand.train_use) * demand.serve_use })),
        false,
      );
      pictures.trade.set("start", [{ training: demand.training, serving: demand.serving }], false);
      pictures.trade.set(
        "best", used.map((one) => ({ training: one.training, serving: one.serving, technique: one.name })), false,
      );
      pictures.trade.set(
        "lines", found.flatMap((one, i) => one.curve.map((point) => ({ ...point, technique: one.name, order: i }))),
      );
      const pays = best.saving >= 0.005;
      pictures.trade.title(pays ? `${best.name.slice(0, 1).toUpperCase()}${best.name.slice(1)} saves `
        + `${percent(best.saving)} of training and inference together` : "No trade pays: training and inference are best left as they are",
        "Cross: the compute-optimal model and its inference. Dots: the cheapest degree of each technique. Dashed: both cost the same.");
      cells.trade.set("best", pays ? best.name : "none", `training ${flops(best.training)}, inference ${flops(best.serving)}`);
      cells.trade.set("saving", percent(Math.max(best.saving, 0)), `of ${flops(demand.training)} and ${flops(demand.serving)}`);
    },
  };
  function showGiven() {
    const { counts, bad } = readCounts(pasted.value);
    const most = counts.length ? counts.reduce((least, { n }) => Math.min(least, n), Infinity) : 0;
    const ks = [...new Set(Array.from({ length: 25 }, (_, i) => Math.round(most ** (i / 24))))];
    pictures.attempts.set("given", most ? ks.map((k) => ({ k, share: measuredAtK(counts, k) })) : []);
    heard.textContent = bad ? `"${bad.slice(0, 30)}" is not successes/attempts. Write 3/100.`
      : most ? `${counts.length} problems, at least ${count(most)} attempts each: of one attempt ${percent(measuredAtK(counts, 1))}, of `
        + `${count(most)} ${percent(measuredAtK(counts, most))} solved (dots). Beyond: isoflop inference coverage.` : "";
  }

  const groups = {
    metric: ["skill", "metric", "L"], score: ["test", "C"], skill: ["task", "Q"], recall: ["r"], attempts: ["p", "k", "a", "z", "counts"],
    trade: ["T", "S"],
  };
  const stale = new Set(Object.keys(paint));
  let resting = 0;
  const draw = () => {
    for (const name of stale) paint[name]();
    stale.clear();
    root.dataset.painted = String(Number(root.dataset.painted ?? 0) + 1);
  };
  const frame = perFrame(draw);

  function change(part_) {
    const { counts: _, ...linked } = part_; // what is pasted stays out of the link
    Object.assign(setting, linked);
    for (const [name, keys] of Object.entries(groups)) if (keys.some((key) => key in part_)) stale.add(name);
    frame();
    clearTimeout(resting);
    root.classList.remove("settled");
    resting = setTimeout(() => {
      app.setParams(setting, usual);
      root.classList.add("settled");
    }, REST);
  }

  draw();
  root.classList.add("settled");
  return {
    restore: (params) => {
      setting = read(params);
      for (const [key, made] of controls) made.set(setting[key]);
      change(setting);
    },
    unmount: () => {
      clearTimeout(resting);
      Object.values(pictures).forEach((one) => one.remove());
    },
  };
}

function tokens(n) {
  return `${Math.round(n)} token${Math.round(n) === 1 ? "" : "s"}`;
}

function part(title, ...children) {
  return h("section", { class: "part" }, h("h2", {}, title), children);
}

function beside(controls, ...children) {
  return h("div", { class: "columns" }, h("div", { class: "panel" }, controls), h("div", {}, children));
}

function note(text) {
  return h("p", { class: "hint" }, text);
}
