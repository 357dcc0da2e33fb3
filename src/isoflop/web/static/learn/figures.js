// The figures of the lessons, by name. Each takes its payload, its own memory and its settings, and gives { element,
// controls, hidden, remove }: controls are what stays locked until a prediction is made; hidden: all of it stays away.

import { chart } from "../core/charts.js";
import { button, choice, select, slider } from "../core/controls.js";
import { h, replace } from "../core/dom.js";
import { count, duration, fixed, flops as written, money, percent, power } from "../core/format.js";
import { perFrame } from "../core/frame.js";
import { readings, table } from "../core/table.js";
import { law } from "./law.js";
import { bestSplit, flopsFor, intervalScore, marginOfError, powersBetween, scoreOf, trainingDays } from "./model.js";

const flopsText = (C) => written(C).replace("e+", "e");
const twoDigits = (value) => Number(value.toPrecision(2));

function figure(parts, charts) {
  return { ...parts, remove: () => charts.forEach((one) => one.remove()) };
}

// Charts of which one is shown: { key: chart }, and show(key).
function shownOne(made) {
  const room = h("div");
  const show = (key) => replace(room, made[key].element);
  return { room, show };
}

function surprise(payload, _, { probability = 0.5 }) {
  const rows = powersBetween(1e-4, 1, 80).map((p) => ({ p, nats: -Math.log(p) }));
  const picture = chart({ spec: payload.charts.curve, name: "surprise", label: "Loss of a token against the probability it was given: it falls as minus the logarithm.", data: { curve: rows, here: [] } });
  const said = readings([{ key: "nats", label: "Loss" }, { key: "bits", label: "In bits" }, { key: "choices", label: "As unsure as between" }]);
  const bar = slider({
    label: "Probability given to the right token", min: 1e-4, max: 1, value: probability, log: true,
    write: (p) => percent(p), onInput: perFrame(() => show()),
  });
  function show() {
    const p = bar.get();
    const nats = Math.max(0, -Math.log(p));
    picture.set("here", [{ p, nats }]);
    said.set("nats", `${fixed(nats, 2)} nats`);
    said.set("bits", `${fixed(nats / Math.LN2, 2)} bits`);
    said.set("choices", `${count(1 / p)} choices`, "of equal probability");
  }
  show();
  return figure({ element: h("div", {}, bar.element, said.element, picture.element), controls: [bar.input] }, [picture]);
}

function sampling(payload, _, { people = 2000 }) {
  const margin = (n) => marginOfError(payload.z, payload.deviation, n);
  const curve = (axes) => (axes === "log" ? powersBetween(10, 1e6, 60) : powersBetween(20, 20000, 150))
    .map((n) => ({ n, cm: margin(n) }));
  const label = "Margin of error against the number of people measured.";
  const made = Object.fromEntries(["log", "plain"].map((axes) => [axes, chart({
    spec: payload.charts[axes], name: `sampling-${axes}`, label,
    data: { curve: curve(axes), here: [], known: payload.people },
  })]));
  const { room, show: pick } = shownOne(made);
  const said = readings([{ key: "margin", label: "Margin of error (95 %)" }, { key: "half", label: "To halve it, measure" }]);
  const bar = slider({
    label: "People measured", min: 10, max: 1e6, value: people, log: true, write: (n) => count(Math.round(n)),
    onInput: perFrame(() => show()),
  });
  const axes = choice({
    label: "Axes", options: [["plain", "Plain"], ["log", "Logarithmic"]], value: "plain", onInput: (key) => pick(key),
  });
  function show() {
    const n = Math.round(bar.get());
    for (const one of Object.values(made)) one.set("here", [{ n, cm: margin(n) }]);
    said.set("margin", `${twoDigits(margin(n))} cm`);
    said.set("half", `${count(4 * n)} people`);
  }
  pick("plain");
  show();
  return figure({
    element: h("div", {}, bar.element, axes.element, said.element, room), controls: [bar.input],
  }, Object.values(made));
}

// Compute up to which a compute-optimal run lies within the sizes and data that the law was fitted to.
function knownUpTo(constants, validity) {
  return powersBetween(1e18, 1e27, 400).filter((C) => {
    const { N, D } = bestSplit(law, constants, C);
    return N <= validity.N[1] && D <= validity.D[1];
  }).at(-1);
}

function diminishing(payload, _, { compute = 1e21 }) {
  const { constants, validity } = payload;
  const edge = knownUpTo(constants, validity);
  const at = (C, key) => bestSplit(law, constants, C).loss - (key === "gap" ? constants.E : 0);
  const label = "Loss of compute-optimal runs against training compute.";
  const made = Object.fromEntries(["loss", "gap"].map((key) => {
    const rows = (low, high) => powersBetween(low, high, 60).map((C) => ({ flops: C, value: at(C, key) }));
    const floor = [{ value: constants.E, text: `floor, E = ${fixed(constants.E, 2)} nats` }];
    return [key, chart({
      spec: payload.charts[key], name: `returns-${key}`, label,
      data: { curve: rows(1e18, edge), beyond: rows(edge, 1e27), here: [], ...(key === "loss" ? { floor } : {}) },
    })];
  }));
  const { room, show: pick } = shownOne(made);
  const said = readings([{ key: "loss", label: "Loss" }, { key: "next", label: "The next tenfold brings" },
    { key: "run", label: "Best run" }]);
  const bar = slider({
    label: "Training compute", min: 1e18, max: 1e27, value: compute, log: true, write: (C) => flopsText(C),
    onInput: perFrame(() => show()),
  });
  const axes = choice({
    label: "Show", options: [["loss", "The loss"], ["gap", "Loss above its floor, logarithmic"]], value: "loss",
    onInput: (key) => pick(key),
  });
  function show() {
    const C = bar.get();
    const best = bestSplit(law, constants, C);
    for (const [key, one] of Object.entries(made)) one.set("here", [{ flops: C, value: at(C, key) }]);
    said.set("loss", `${fixed(best.loss, 3)} nats`, C > edge ? "past the law's data" : "");
    said.set("next", `−${fixed(best.loss - bestSplit(law, constants, 10 * C).loss, 3)} nats`, "for ten times the compute");
    said.set("run", `${count(best.N)} parameters`, `on ${count(best.D)} tokens`);
  }
  pick("loss");
  show();
  return figure({
    element: h("div", {}, bar.element, axes.element, said.element, room), controls: [bar.input],
  }, Object.values(made));
}

function valley(payload, _, { compute = 1e23, share = 0.2 }) {
  const { constants } = payload;
  const picture = chart({
    spec: payload.charts.valley, name: "valley", label: "Loss against model size at one budget of compute: a valley.",
    data: { curve: [], best: [], here: [] },
  });
  const said = readings([{ key: "tokens", label: "Tokens it can read" }, { key: "ratio", label: "Tokens per parameter" },
    { key: "loss", label: "Loss" }, { key: "waste", label: "Compute wasted" }]);
  const budget = slider({
    label: "Compute", min: 1e18, max: 1e26, value: compute, log: true, write: (C) => flopsText(C),
    onInput: perFrame(() => redraw()),
  });
  const size = slider({
    label: "Parameters", min: 1 / 30, max: 30, value: share, log: true,
    write: (share) => count(share * bestSplit(law, constants, budget.get()).N), onInput: perFrame(() => show()),
  });
  function redraw() {
    const C = budget.get();
    const best = bestSplit(law, constants, C);
    const rows = powersBetween(best.N / 30, best.N * 30, 81).map((N) => ({ params: N, loss: law(N, C / 6 / N) }));
    picture.set("curve", rows, false);
    picture.set("best", [{ params: best.N, loss: best.loss, text: "best split" }], false);
    size.show();
    show();
  }
  function show() {
    const C = budget.get();
    const best = bestSplit(law, constants, C);
    const N = best.N * size.get();
    const D = C / 6 / N;
    const loss = law(N, D);
    picture.set("here", [{ params: N, loss }]);
    const enough = flopsFor(law, constants, loss);
    said.set("tokens", count(D));
    said.set("ratio", count(D / N));
    said.set("loss", `${fixed(loss, 3)} nats`, `best: ${fixed(best.loss, 3)}`);
    said.set("waste", percent(Math.max(0, 1 - enough / C)), "the best split would need so much less");
  }
  redraw();
  return figure({
    element: h("div", {}, budget.element, size.element, said.element, picture.element),
    controls: [size.input, budget.input],
  }, [picture]);
}

function machines(payload, _, { devices: first = 1, run: chosen = 2 }) {
  const marks = [[1, "a day"], [30, "a month"], [365.25, "a year"], [36525, "a century"]]
    .map(([days, text]) => ({ days, text }));
  const picture = chart({
    spec: payload.charts.days, name: "machines", label: "Days of training against the number of accelerators.",
    data: { curve: [], here: [], marks },
  });
  const said = readings([{ key: "time", label: "Time" }, { key: "rent", label: "Rent" }, { key: "power", label: "Power" },
    { key: "failures", label: "Failures" }]);
  const run = select({
    label: "Run", options: payload.runs.map((one, i) => [String(i), one.label]), value: String(chosen), onInput: () => show(),
  });
  const devices = slider({
    label: `${payload.chip} accelerators`, min: 1, max: 1e5, value: first, log: true, write: (n) => count(Math.round(n)),
    onInput: perFrame(() => show()),
  });
  const mfu = slider({
    label: "Utilisation", min: 0.1, max: 0.6, step: 0.01, value: payload.mfu.value, write: (u) => percent(u),
    onInput: perFrame(() => show()),
  });
  function show() {
    const { flops } = payload.runs[Number(run.get())];
    const days = (n) => trainingDays(flops, n, payload.peak, mfu.get());
    const n = Math.round(devices.get());
    picture.set("curve", powersBetween(1, 1e5, 40).map((k) => ({ devices: k, days: days(k) })), false);
    picture.set("here", [{ devices: n, days: days(n) }]);
    const hours = days(n) * n * 24;
    const years = days(n) / 365.25;
    said.set("time", years >= 2 ? `${count(years)} years` : duration(days(n) * 86400));
    said.set("rent", money(twoDigits(hours * payload.rent.value)),
      `${money(twoDigits(hours * payload.rent.low))} to ${money(twoDigits(hours * payload.rent.high))}`);
    said.set("power", power(n * payload.watts), "with servers, without cooling");
    const failures = payload.failures * n * days(n);
    said.set("failures", failures < 1 ? "less than one" : `about ${count(twoDigits(failures))}`, "if chips fail as Llama 3's did");
  }
  show();
  return figure({
    element: h("div", {}, devices.element, mfu.element, run.element, said.element, picture.element),
    controls: [devices.input, mfu.input, run.input],
  }, [picture]);
}

const METRICS = [["exact", "Whole answer right"], ["token", "Each token right"], ["nats", "Log-probability"]];

function metric(payload, _, { tokens = 10, compute: first = 1e22 }) {
  const { constants } = payload;
  const label = "One skill against training compute, under the chosen score.";
  const made = Object.fromEntries(["share", "nats"].map((key) => [key, chart({
    spec: payload.charts[key], name: `metric-${key}`, label, data: { curve: [], here: [] },
  })]));
  const { room, show: pick } = shownOne(made);
  const said = readings([{ key: "token", label: "Each token right" }, { key: "exact", label: "Whole answer right" }]);
  const score = choice({ label: "Score", options: METRICS, value: "exact", onInput: () => show() });
  const length = slider({
    label: "Tokens in an answer", min: 1, max: 50, step: 1, value: tokens, write: (n) => String(Math.round(n)),
    onInput: perFrame(() => show()),
  });
  const compute = slider({
    label: "Training compute", min: 1e18, max: 1e27, value: first, log: true, write: (C) => flopsText(C),
    onInput: perFrame(() => show()),
  });
  function show() {
    const at = (C, kind = score.get()) => scoreOf(kind, bestSplit(law, constants, C).loss, constants.E, Math.round(length.get()));
    const key = score.get() === "nats" ? "nats" : "share";
    if (room.firstChild !== made[key].element) pick(key);
    made[key].set("curve", powersBetween(1e18, 1e27, 60).map((C) => ({ flops: C, score: at(C) })), false);
    made[key].set("here", [{ flops: compute.get(), score: at(compute.get()) }]);
    said.set("token", percent(at(compute.get(), "token"), 3));
    said.set("exact", percent(at(compute.get(), "exact"), 3));
  }
  show();
  return figure({
    element: h("div", {}, score.element, length.element, compute.element, said.element, room),
    controls: [length.input, compute.input],
  }, Object.values(made));
}

function copied(payload) {
  const label = "Score of 21 small models at copying six letters, against training compute, by size.";
  const made = Object.fromEntries(["share", "nats"].map((key) => [key, chart({
    spec: payload.charts[key], name: `copying-${key}`, label, data: { runs: [] },
  })]));
  const { room, show: pick } = shownOne(made);
  const columns = { exact: "exact", token: "tokens", nats: "logprob" };
  const score = choice({ label: "Score", options: METRICS, value: "exact", onInput: () => show() });
  function show() {
    const key = score.get() === "nats" ? "nats" : "share";
    const rows = payload.rows.map(({ params, flops, ...row }) => ({ params, flops, score: row[columns[score.get()]] }));
    made[key].set("runs", rows);
    pick(key);
  }
  show();
  return figure({ element: h("div", {}, score.element, room), controls: [] }, Object.values(made));
}

const QUANTITIES = [["flops", "Compute"], ["usd", "Cost"], ["share", "Share of the text"]];

function years(payload, _, { year: first = 2024 }) {
  const label = "A frontier run by the year, with the middle 80 % of draws.";
  const rows = (key) => payload.rows.map((row) => ({
    year: row.year, value: row[key], low: row[`${key}_low`], high: row[`${key}_high`],
  }));
  const made = Object.fromEntries(QUANTITIES.map(([key]) => [key, chart({
    spec: payload.charts[key], name: `frontier-${key}`, label, data: { curve: rows(key), here: [] },
  })]));
  const { room, show: pick } = shownOne(made);
  const said = readings([{ key: "flops", label: "Compute of a frontier run" }, { key: "usd", label: "Its cost" },
    { key: "share", label: "Text used, of all useful text" }]);
  const what = choice({ label: "Show", options: QUANTITIES, value: "share", onInput: (key) => pick(key) });
  const bar = slider({
    label: "Year", min: payload.rows[0].year, max: payload.rows.at(-1).year, step: 1, value: first,
    write: (year) => String(Math.round(year)), onInput: perFrame(() => show()),
  });
  function show() {
    const row = payload.rows.find((one) => one.year === Math.round(bar.get()));
    for (const [key, one] of Object.entries(made)) one.set("here", [{ year: row.year, value: row[key] }]);
    said.set("flops", flopsText(row.flops), `80 %: ${flopsText(row.flops_low)} to ${flopsText(row.flops_high)}`);
    said.set("usd", money(twoDigits(row.usd)), `80 %: ${money(twoDigits(row.usd_low))} to ${money(twoDigits(row.usd_high))}`);
    said.set("share", percent(twoDigits(row.share)), `80 %: ${percent(twoDigits(row.share_low))} to ${percent(twoDigits(row.share_high))}`);
  }
  pick("share");
  show();
  return figure({ element: h("div", {}, bar.element, what.element, said.element, room), controls: [bar.input] }, Object.values(made));
}

function options(payload) {
  const picture = chart({
    spec: payload.charts.gains, name: "options", label: "Expected fall of the loss for each way to spend the money.",
    data: { bars: payload.rows },
  });
  const range = (row) => `${fixed(row.low, 3)} to ${fixed(row.high, 3)}`;
  const list = table({
    caption: "What each option is expected to bring",
    columns: [
      { name: "option", title: "Option" },
      { name: "gain", title: "Fall of the loss, nats", number: true, write: (value) => fixed(value, 3) },
      { name: "low", title: `${100 * payload.level} % of draws`, number: true, write: (_, row) => range(row) },
      { name: "best", title: "Best of the three", number: true, write: (value) => percent(value) },
    ],
    rows: payload.rows,
  });
  return figure({ element: h("div", {}, picture.element, list.element), controls: [], hidden: true }, [picture]);
}

// Three targets, each forecast by the reader before it is shown. kept: { answers, save } of the figure's own memory.
function ladder(payload, kept) {
  const answers = kept.recall() ?? {};
  const label = "Loss of small runs against parameters, one line per budget, and the forecasts of larger runs.";
  const picture = chart({
    spec: payload.charts.ladder, name: "ladder", label,
    data: { runs: payload.rows, column: [], guess: [], forecast: [], measured: [] },
  });
  const names = payload.targets.map((one) => `${count(one.params)} parameters on ${count(one.tokens)} tokens`);
  const which = choice({
    label: "Run to foretell", options: names.map((name, i) => [String(i), name]), value: "0", onInput: () => turn(),
  });
  const loss = slider({
    label: "Your forecast of the loss", min: 1.3, max: 1.9, step: 0.005, value: 1.6, write: (x) => `${fixed(x, 3)} nats`,
    onInput: perFrame(() => show()),
  });
  const width = slider({
    label: "Your interval, each way", min: 0.005, max: 0.2, step: 0.005, value: 0.05, write: (x) => `± ${fixed(x, 3)} nats`,
    onInput: perFrame(() => show()),
  });
  const say = h("p", { class: "verdict", role: "status" });
  const room = h("div");
  const lock = button("Write the forecast down", () => {
    answers[which.get()] = [loss.get(), width.get()];
    kept.save(answers);
    show();
    which.element.querySelector("input:checked").focus();
  }, "main");

  function turn() {
    const [middle, half] = answers[which.get()] ?? [1.6, 0.05];
    loss.set(middle);
    width.set(half);
    show();
  }
  function show() {
    const target = payload.targets[Number(which.get())];
    const given = Boolean(answers[which.get()]);
    const [middle, half] = answers[which.get()] ?? [loss.get(), width.get()];
    for (const control of [loss.input, width.input, lock]) control.disabled = given;
    const own = { params: target.params, loss: middle, low: middle - half, high: middle + half };
    picture.set("column", [{ params: target.params }], false);
    picture.set("guess", [own], false);
    picture.set("forecast", given ? [target] : [], false);
    picture.set("measured", given ? [{ params: target.params, loss: target.measured }] : []);
    say.textContent = given ? verdict(target, own) : "";
    replace(room, Object.keys(answers).length ? scored() : null);
  }
  function verdict(target, own) {
    const error = (100 * (own.loss / target.measured - 1)).toFixed(1).replace("-", "−");
    const held = own.low <= target.measured && target.measured <= own.high ? "held it" : "missed it";
    return `Measured: ${fixed(target.measured, 3)} nats. You were ${error} % off, and your interval ${held}.`;
  }
  function scored() {
    const rows = payload.targets.map((target, i) => ({ target, given: answers[i], name: names[i] })).filter((row) => row.given);
    const score = (low, high, row) => intervalScore(low, high, row.target.measured, payload.level);
    const lines = rows.map((row) => ({
      name: row.name, measured: row.target.measured,
      yours: score(row.given[0] - row.given[1], row.given[0] + row.given[1], row),
      ours: score(row.target.low, row.target.high, row),
      said: `${fixed(row.target.loss, 3)} (${fixed(row.target.low, 3)} to ${fixed(row.target.high, 3)})`,
    }));
    const mean = (key) => lines.reduce((sum, line) => sum + line[key], 0) / lines.length;
    const column = (name, title) => ({ name, title, number: true, write: (value) => fixed(value, 3) });
    const better = mean("yours") < mean("ours") ? "Yours is better so far." : "isoflop's is better so far.";
    return h("div", {}, table({
      caption: "Your forecasts and isoflop's, scored",
      columns: [{ name: "name", title: "Run" }, column("measured", "Measured"), { name: "said", title: "isoflop said (80 %)", number: true },
        column("yours", "Your score"), column("ours", "isoflop's")],
      rows: lines,
    }).element, h("p", {}, `Mean score: yours ${fixed(mean("yours"), 3)}, isoflop's ${fixed(mean("ours"), 3)}; lower is better. ${better}`));
  }
  turn();
  return figure({
    element: h("div", {}, which.element, loss.element, width.element, h("div", { class: "buttons" }, lock), say,
      h("p", { class: "hint" }, "Grey: yours. Orange: isoflop's. Blue diamond: measured."), picture.element, room),
    controls: [],
  }, [picture]);
}

const MAKERS = { surprise, sampling, diminishing, valley, machines, metric, copied, years, options, ladder };

export function makeFigure(name, payload, kept, settings) {
  return MAKERS[name](payload, kept, settings);
}
