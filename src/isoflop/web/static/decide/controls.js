// The sliders of the decision page: the question above, the assumptions beside its answer.

import { choice, select, slider, tick } from "../core/controls.js";
import { freshId, h, setText } from "../core/dom.js";
import { count, flops, money } from "../core/format.js";
import { readPools, shortPools } from "./pools.js";
import { PLANS, RANGES, optionsOf, reach } from "./setting.js";
import { moved, relevant } from "./unknowns.js";
import { saidValue } from "./words.js";

const GROUPS = [
  ["Compute and the law", ["rent_usd", "mfu", "delivered"]],
  [
    "Algorithm",
    [
      "halving_months", "months_per_staff_year", "staff_year_usd", "team_exponent", "frontier_factor", "small_factor",
      "data_share",
    ],
  ],
  ["Better data", ["quality_gain", "quality_half_usd", "quality_keep"]],
  ["More data and repetition", ["token_usd_per_billion", "repeat_value", "half_life_passes"]],
  ["Thinking", ["inference_exchange", "inference_bill"]],
];
const KINDS = { measured: "measured", published: "published", assumed: "assumed" };

// The question: what there is to spend, on top of which run. { element, show } — show() puts the setting into the handles.
export function questionControls(setting, changed) {
  const amount = (name, label, write, hint = "") => slider({
    label, min: RANGES[name][0], max: RANGES[name][1], value: setting[name], log: true, write, hint,
    onInput: (value) => changed({ [name]: rounded(value) }),
  });
  const handles = {
    budget: amount("budget", "To spend", money),
    usd: amount("usd", "The run planned costs", money),
    flops: amount("flops", "The run planned takes", (value) => flops(value)),
    params: amount("params", "Parameters of the run planned", count),
    tokens: amount("tokens", "Tokens that it sees", count),
    available: amount("available", "Distinct tokens at hand", count),
  };
  const plan = choice({
    label: "On top of a run planned, given by", options: PLANS, value: setting.plan, onInput: (key) => changed({ plan: key }),
  });
  const limited = tick({
    label: "Distinct tokens are limited", value: setting.limited === "yes",
    onInput: (on) => changed({ limited: on ? "yes" : "no" }),
    hint: "Beyond them, tokens are seen again and are worth less each time.",
  });
  const show = (now) => {
    for (const [name, handle] of Object.entries(handles)) handle.set(now[name]);
    plan.set(now.plan);
    limited.set(now.limited === "yes");
    const shown = {
      usd: now.plan === "usd", flops: now.plan === "flops", params: now.plan === "size", tokens: now.plan === "size",
      available: now.limited === "yes",
    };
    for (const [name, on] of Object.entries(shown)) handles[name].element.hidden = !on;
  };
  show(setting);
  const element = h("div", { class: "pair question" },
    h(
      "div", {}, handles.budget.element, plan.element, handles.usd.element, handles.flops.element,
      handles.params.element, handles.tokens.element,
    ),
    h("div", {}, limited.element, handles.available.element));
  return { element, show };
}

// Three digits: a link and a summary that can be read, and handles that stand where they were put.
function rounded(value) {
  return Number(value.toPrecision(3));
}

// The assumptions, in groups that unfold; those on which nothing hangs as things stand are hidden.
export function assumptionControls(setting, facts, changed) {
  const rows = new Map(facts.unknowns.map((one) => [one.name, assumption(one, setting, facts, changed)]));
  const which = optionTicks(setting, facts, changed);
  const law = select({
    label: "The law of the loss",
    options: [["all", `${facts.laws.length} published laws, each as likely`], ...facts.laws.map((one) => [one.name, one.name])],
    value: setting.law, onInput: (key) => changed({ law: key }),
  });
  const progress = choice({
    label: "Progress of algorithms", options: [["halving", "alike at every scale"], ["scale_dependent", "more at large scale"]],
    value: setting.progress, onInput: (key) => changed({ progress: key }),
  });
  const repeats = choice({
    label: "A repeated token", options: [["decay", "saturates"], ["half_life", "has a half-life"]],
    value: setting.repeats, onInput: (key) => changed({ repeats: key }),
  });
  const data = dataAtHand(setting, changed);
  const first = {
    "Compute and the law": law, Algorithm: progress, "Better data": data, "More data and repetition": repeats,
  };
  const groups = GROUPS.map(([title, names]) => {
    const element = h("details", { class: "group" }, h("summary", {}, title), first[title]?.element,
      names.map((name) => rows.get(name)?.element));
    return { element, names, title };
  });
  const others = facts.unknowns.filter((one) => !GROUPS.some(([, names]) => names.includes(one.name)));
  if (others.length) {
    groups.push({ title: "Other", names: others.map((one) => one.name), element: h("details", { class: "group" },
      h("summary", {}, "Other"), others.map((one) => rows.get(one.name).element)) });
  }
  groups[0].element.open = true;

  const show = (now) => {
    which.show(now);
    law.set(now.law);
    progress.set(now.progress);
    repeats.set(now.repeats);
    const limited = now.limited === "yes";
    const options = optionsOf(now, facts);
    const needed = new Set(relevant(options, {
      priced: now.plan === "same" || now.plan === "usd", limited, progress: now.progress, repeats: now.repeats,
      known: new Set(facts.unknowns.map((one) => one.name)),
    }));
    for (const [name, row] of rows) {
      row.element.hidden = !needed.has(name);
      row.show(now);
    }
    repeats.element.hidden = !limited;
    data.show(now);
    progress.element.hidden = !options.some((one) => one.effect === "progress");
    for (const group of groups) {
      group.element.hidden = !group.names.some((name) => needed.has(name)) && group.title !== "Compute and the law";
    }
  };
  show(setting);
  const row = (name) => rows.get(name);
  const element = h("div", { class: "panel assumptions" }, h("h3", {}, "Assumptions"),
    h("p", { class: "hint" }, "Each is an interval. Its handle moves the whole of it; tick it where you know the value."),
    which.element, groups.map((group) => group.element));
  return { element, show, row };
}

// How good the data at hand are: one gain and one share that a filter keeps, or pools of different quality.
function dataAtHand(setting, changed) {
  const id = freshId("pools");
  const how = choice({
    label: "The data at hand", options: [["whole", "one filter"], ["pools", "by quality"]], value: setting.data,
    onInput: (key) => changed({ data: key }),
  });
  const trouble = h("p", { class: "trouble", id: `${id}-trouble`, role: "alert" });
  const area = h("textarea", { id, rows: 4, spellcheck: "false", "aria-describedby": `${id}-hint ${id}-trouble`, oninput: () => {
    try {
      readPools(area.value);
    } catch (error) {
      setText(trouble, error.message);
      area.setAttribute("aria-invalid", "true");
      return;
    }
    settled();
    changed({ pools: shortPools(area.value) });
  } });
  const settled = () => {
    setText(trouble, "");
    area.removeAttribute("aria-invalid");
  };
  const pools = h("div", { class: "control" }, h("label", { for: id }, "Pools"), area, trouble,
    h("p", { class: "hint", id: `${id}-hint` }, "A line each: name, tokens, worth of a token over another's, and the passes in "
      + "which it wears out if it has its own. Together they are the distinct tokens at hand. In each draw the best filter "
      + "is taken: the best pool, the best two, or none."));
  const unlimited = h("p", { class: "hint" }, "With a limit of distinct tokens they can be given by quality.");
  const show = (now) => {
    const limited = now.limited === "yes";
    how.set(now.data);
    how.element.hidden = !limited;
    unlimited.hidden = limited;
    pools.hidden = !limited || now.data !== "pools";
    if (shortPools(area.value) !== now.pools && document.activeElement !== area) {
      area.value = now.pools.split(";").join("\n");
      settled();
    }
  };
  show(setting);
  return { element: h("div", {}, how.element, unlimited, pools), show };
}

function optionTicks(setting, facts, changed) {
  const boxes = facts.options.map((one) => [one.name, tick({
    label: one.label, value: setting.options.includes(one.name), onInput: () => {
      const names = boxes.filter(([, box]) => box.get()).map(([name]) => name);
      if (names.length) changed({ options: names });
      else boxes.find(([name]) => name === one.name)[1].set(true);
    },
  })]);
  const element = h(
    "fieldset", { class: "control ticks" }, h("legend", {}, "Options weighed"), boxes.map(([, box]) => box.element),
  );
  return { element, show: (now) => boxes.forEach(([name, box]) => box.set(now.options.includes(name))) };
}

function assumption(unknown, setting, facts, changed) {
  const [min, max] = reach(unknown, facts.tail);
  const about = h("p", { class: "hint" });
  const at = (now) => now.middles[unknown.name] ?? unknown.middle;
  const handle = slider({
    label: unknown.label, min, max, value: at(setting), log: unknown.scale !== "share", write: (value) => saidValue(unknown, value),
    onInput: (value) => changed({ middle: [unknown.name, rounded(value)] }),
  });
  const known = tick({
    label: "known", value: setting.known.has(unknown.name), onInput: (on) => changed({ known: [unknown.name, on] }),
  });
  known.input.setAttribute("aria-label", `${unknown.label}: known`);
  const element = h("div", { class: "assumption", "data-unknown": unknown.name, title: unknown.source }, handle.element,
    h("div", { class: "under" }, about, known.element));
  const show = (now) => {
    handle.set(at(now));
    const sure = now.known.has(unknown.name);
    known.set(sure);
    const one = moved(unknown, at(now), sure);
    const yours = sure || at(now) !== unknown.middle ? "yours" : KINDS[unknown.kind];
    const held = unknown.seen.length ? "prices" : `${Math.round(100 * unknown.level)}\u00a0%`;
    setText(
      about,
      `${unknown.what}; ${yours}${sure ? "" : `, ${held} ${saidValue(one, one.low)} to ${saidValue(one, one.high)}`}`,
    );
  };
  show(setting);
  return { element, show };
}
