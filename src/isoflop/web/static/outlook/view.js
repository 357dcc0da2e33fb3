// The outlook: how fast compute and cost grow, when text runs out, which limit binds; one slider moves every date.

import { chart } from "../core/charts.js";
import { button, slider, tick } from "../core/controls.js";
import { h } from "../core/dom.js";
import { count, fixed, flops, money, percent, yearMonth } from "../core/format.js";
import { perFrame } from "../core/frame.js";
import { onScreen } from "../core/onscreen.js";
import { numberFrom } from "../core/state.js";
import { normalQuantile } from "../core/stats.js";
import { readings, table } from "../core/table.js";
import { stratified } from "../decide/unknowns.js";
import { answers } from "./answers.js";
import { factor, handlesOf } from "./handles.js";
import { betweenYears, plainFlops, range } from "./words.js";

const REST = 160; // ms without a move after which all is drawn anew, what is off the screen too
const BUDGET = 3; // ms of a frame after which what else has changed is left to a later one
const PAUSE = 30; // ms without a move after which that one comes
const WHO = ["the largest run", "a typical frontier run"];
const NEVER = 2300; // a year beyond every axis

export const view = { id: "outlook", label: "Outlook", title: "Where it leads", mount };

function mount(root, app) {
  const { facts, specs, marks, now, level, draws, seed, accounts } = app.data;
  const measured = 10 ** facts.lines.training_compute.slope;
  const handles = handlesOf({ facts, measured });
  const all = Object.values(handles).flat();
  const usual = { ...Object.fromEntries(all.map((one) => [one.key, rounded(one.usual)])), repeats: "yes", scale: "no" };
  let setting = read(app.params);
  const z = drawsOf(draws, seed);
  const ask = answers({ facts, z, now, level });
  const controls = new Map();

  const growthBar = h("div", { class: "growth-bar" }, sliders("growth"), button("As measured", () => change({ g: usual.g })));
  const repeats = tick({
    label: "Tokens may be seen again, as often as it helps", value: setting.repeats === "yes",
    onInput: (on) => change({ repeats: on ? "yes" : "no" }),
  });
  const pictures = {
    growth: live(
      "growth", "Training compute over the years",
      { band: [{ year: 2018, low: 1e21, middle: 2e21, high: 3e21 }], largest: [], marks, now: [{ year: now }] },
    ),
    compute: live(
      "compute", "Years in which runs reach an amount of compute",
      { now: [{ low: now, text: "now" }], crossings: [] }, { y: facts.values.map(plainFlops), color: WHO },
    ),
    cost: live(
      "cost", "Years in which the cost of a run reaches a sum", { now: [{ low: now, text: "now" }], crossings: [] },
      { y: facts.bases.flatMap((name) => facts.sums.map((sum) => `${money(sum)} ${name}`)), color: WHO },
    ),
    text: live("text", "Stock of text and its use", { stock: [], note: [], use: [], spans: [] }),
    limits: live("limits", "The largest run that each limit allows", { trend: [], limits: [], middles: [] }),
    sampling: live(
      "sampling", "Margin of error against people asked",
      { error: [{ n: 10, margin: 1 }, { n: 1e6, margin: 0.1 }], here: [{ n: 100, margin: 0.5, label: "" }] },
    ),
  };
  const ceilings = table({ caption: "What stands above the cost of a run", rows: [], columns: [
    { name: "name", title: "Sum" }, {
      name: "usd", title: "Amount", number: true,
    }, { name: "date", title: "As of" }, { name: "reached", title: "Reached (80 %)" },
  ] });
  const cells = {
    gap: readings([{ key: "required", label: "Revenue asked for, a year" }, { key: "gap", label: "More than known" }]),
    text: readings([
      { key: "stock", label: "Text worth training on, 2024" }, { key: "first", label: "One run uses it all" },
      { key: "worth", label: "Most that repeating is worth" },
    ]),
    limits: readings([
      { key: "smallest", label: "Largest run that all allow" }, { key: "binds", label: "Binds most often" },
      { key: "fits", label: "The trend fits in" },
    ]),
    longest: readings(
      [{ key: "all", label: "Longest run worth starting" }, { key: "hardware", label: "If only hardware improved" }]
    ),
    sampling: readings([{ key: "margin", label: "Margin of error (95 %)" }, { key: "half", label: "To halve it, ask" }]),
  };

  const byScale = tick({ label: "Gains of methods grow with scale", value: setting.scale === "yes", onInput: (on) => change(
    { scale: on ? "yes" : "no" }
  ),
    hint: "As Gundlach et al. 2025 found, rather than alike at every scale (Ho et al. 2024)." });
  const shares = table({ caption: "Where progress came from", rows: [], columns: [
    { name: "of", title: "Of the" }, { name: "name", title: "Cause" }, {
      name: "share", title: "Share", number: true, write: (x) => percent(x),
    },
    { name: "interval", title: "90 %" },
  ] });

  const payers = facts.payers.map((one) => `${one.organisations} at ${one.name} or more`);
  const sections = {
    growth: part("Growth", h("div", { class: "pair" }, pictures.growth.element, pictures.compute.element)),
    cost: part("Cost", beside(["cost"], pictures.cost.element, h(
      "h3", {}, "What stands above",
    ), ceilings.element, cells.gap.element,
      note(`Organisations that had paid, amortised: ${payers.join(", ")}.`))),
    text: part("The data wall", beside(["text", repeats], cells.text.element, pictures.text.element)),
    limits: part("Limits of a year", beside(["limits"], cells.limits.element, pictures.limits.element,
      note(`Inputs and correlations: ${facts.limits.source}. Each handle moves the middle of an interval.`))),
    longest: part("The longest run worth starting", beside(["longest"], cells.longest.element,
      note("A longer run is overtaken by one that starts later on better hardware, with better algorithms and more "
        + "money: 1 over the sum of their growth rates."))),
    progress: part("Where progress came from", byScale.element, shares.element,
      note("Shares by Shapley's rule: the average over all orders in which the causes could have come. Computed when "
        + "this page was made; isoflop outlook progress has other periods.")),
    sampling: part("The first scaling law", beside(["sampling"], cells.sampling.element, pictures.sampling.element,
      note("The error of a mean falls as n^-1/2, so half the error asks for four times as many. The loss of a model "
        + "falls as a power of its size, with a smaller exponent: the same shape, at a higher price."))),
  };
  root.append(h(
    "h1", {}, "Where it leads",
  ), h("p", { class: "lead" }, "When does a training run cost ten billion dollars, use all text there is, or meet a limit of power or "
    + "chips, if growth goes on as measured, and if it does not?"), growthBar, ...Object.values(sections));

  // ---- what follows the handles
  const paint = {
    growth() {
      const { factor: g, low, high, crossings, band, largest } = ask.compute(setting.g);
      pictures.growth.set("largest", largest, false);
      pictures.growth.set("band", band);
      const first = crossings.find((one) => one.value === 1e28) ?? crossings[0];
      pictures.growth.title(`At ${factor(g)} a year${g === measured ? ` [${fixed(low, 2)}, ${fixed(high, 2)}]` : ""}, `
        + `the largest run reaches ${plainFlops(first.value)} in ${yearMonth(first.largest.middle)}`,
        `Line: a typical frontier run, with its ${percent(level)} interval. Dashed: the largest run. Dots: released models.`);
    },
    compute() {
      const { crossings } = ask.compute(setting.g);
      showCrossings(pictures.compute, [{ name: "", crossings }], plainFlops);
      const last = crossings[crossings.length - 1];
      pictures.compute.title(
        `Training compute reaches ${plainFlops(last.value)} in ${betweenYears(last)}, if growth goes on`,
        "Dots: medians; bars: 80 % intervals.",
      );
    },
    cost() {
      const bases = ask.cost(setting.g);
      showCrossings(pictures.cost, bases, money);
      const first = bases[0].crossings[1];
      const other = bases[2].crossings[1];
      pictures.cost.title(`A run of ${money(first.value)}: the machines bought in ${yearMonth(other.largest.middle)}, `
        + `the run itself paid off in ${yearMonth(first.largest.middle)}`,
        `Amortised: what the run wears off and burns. Rented: its chips in a cloud. Bought: the machines behind it. `
          + `Amortised cost grows ${factor(bases[0].factor)} a year.`);
    },
    ceilings() {
      ceilings.show(
        ask.ceilings(setting.g, setting.aum).map(
          (one) => ({
            name: one.name, usd: money(one.usd), date: unbroken(one.date),
            reached: range(one.reached).split(" ").map((words) => [unbroken(words), " "]),
          })
        )
      );
      const { required, gap } = ask.gap(setting);
      cells.gap.set(
        "required", money(required),
        `${money(setting.chips)} of chips and all around them, at a margin of ${percent(setting.margin)}`,
      );
      cells.gap.set("gap", money(Math.max(gap, 0)), gap > 0 ? "is missing" : "nothing is missing");
    },
    text() {
      const found = ask.text(setting);
      pictures.text.set("stock", found.stockRows, false);
      pictures.text.set(
        "note", [{ year: 2020.2, at: found.effective.high * 1.25, text: "text worth training on, 90 %" }], false,
      );
      pictures.text.set("use", found.use, false);
      pictures.text.set("spans", found.spans);
      const [low, high] = found.between;
      const last = high > NEVER ? "no foreseeable year" : Math.floor(high);
      const when = low > NEVER ? "at no foreseeable time" : `between ${Math.floor(low)} and ${last}`;
      pictures.text.title(`One run would use all text ${when}`,
        "Lines: medians of three accounts of use, of the largest run. Bars below: 80 % of the years in which use meets the stock.");
      cells.text.set(
        "stock", `${count(found.effective.middle)} tokens`,
        `90 %: ${count(found.effective.low)} to ${count(found.effective.high)}`,
      );
      cells.text.set("first", yearMonth(found.meets[1].middle), `compute-optimal; 80 %: ${range(found.meets[1], false)}`);
      cells.text.set("worth", `${fixed(facts.text.most_of_passes, 1)}×`, "of the distinct tokens, however many passes");
    },
    limits() {
      const found = ask.limits(setting, handles.limits);
      const kinds = ["computed here", "published"];
      pictures.limits.set(
        "trend", [{ low: found.trend.low, high: found.trend.high, middle: found.trend.middle, text: "on trend" }],
        false,
      );
      pictures.limits.set(
        "middles", found.rows.map((one) => ({ limit: one.name, kind: kinds[0], low: one.flops.middle })), false,
      );
      pictures.limits.set("limits", found.rows.flatMap((one) => [
        { limit: one.name, kind: kinds[0], low: one.flops.low, high: one.flops.high }, {
          limit: one.name, kind: kinds[1], low: one.published[0], high: one.published[1],
        },
      ]));
      const most = found.rows.reduce((a, b) => ((b.binds ?? 0) > (a.binds ?? 0) ? b : a));
      const name = most.name.slice(0, 1).toUpperCase() + most.name.slice(1);
      pictures.limits.title(`${name} binds first in ${percent(most.binds)} of the draws of ${Math.round(setting.year)}`,
        "80 % intervals of the largest run that each limit allows. Published ones are of 2030. Grey: a typical frontier run on trend.");
      cells.limits.set(
        "smallest", flops(found.smallest.middle),
        `80 %: ${flops(found.smallest.low)} to ${flops(found.smallest.high)}`,
      );
      cells.limits.set(
        "binds", name,
        found.rows.filter((one) => one.binds !== null && one !== most).map(
          (one) => `${one.name} ${percent(one.binds)}`
        ).join(", "),
      );
      cells.limits.set("fits", percent(found.fits), `of the draws; it takes ${flops(found.trend.middle)}`);
    },
    longest() {
      const months = (factors) => (factors.some((x) => x > 1) ? `${fixed(12 * ask.longest(factors), 1)} months` : "no limit");
      cells.longest.set("all", months([setting.hw, setting.alg, setting.sp]), "hardware, algorithms and spending together");
      cells.longest.set("hardware", months([setting.hw]), "algorithms and spending as they are");
    },
    progress() {
      shares.show(
        accounts[setting.scale === "yes" ? "scale" : "alike"].map(
          (one) => ({ ...one, interval: `${percent(one.low)} to ${percent(one.high)}` })
        )
      );
    },
    sampling() {
      const { margin, error } = ask.sampling(setting);
      pictures.sampling.set("here", [{ n: setting.n, margin, label: `±${fixed(margin, 2)} cm` }], false);
      pictures.sampling.set("error", error);
      pictures.sampling.title(
        `${count(setting.n)} people give the mean to ±${fixed(margin, 2)} cm`,
        "Margin of error at 95 %, both axes logarithmic: a straight line of slope -1/2.",
      );
      cells.sampling.set("margin", `±${fixed(margin, 2)} cm`, `${count(setting.n)} people, ${fixed(setting.sd, 1)} cm spread`);
      cells.sampling.set("half", count(4 * setting.n), "people: four times as many");
    },
  };
  const stale = new Set(); // in the order in which they are waiting
  let resting = 0;
  const places = {
    ...Object.fromEntries(Object.entries(pictures).map(([name, one]) => [name, one.element])),
    ceilings: ceilings.element, text: sections.text, limits: sections.limits, longest: sections.longest,
    progress: sections.progress, sampling: sections.sampling,
  };
  const screen = onScreen(Object.values(places));
  let later = 0;
  // Of what is on the screen as much as a frame has time for, what waits longest first; the rest in frames without a move.
  const frame = perFrame(() => {
    const until = performance.now() + BUDGET;
    clearTimeout(later);
    for (const name of [...stale].filter((one) => screen.has(places[one]))) {
      if (performance.now() > until) {
        later = setTimeout(frame, PAUSE);
        break;
      }
      stale.delete(name);
      paint[name]();
    }
    root.dataset.painted = String(Number(root.dataset.painted ?? 0) + 1);
  });

  function change(part) {
    Object.assign(setting, part);
    for (const key of Object.keys(part)) {
      controls.get(key)?.set(setting[key]);
      for (const name of hanging(key)) stale.add(name);
    }
    frame();
    clearTimeout(resting);
    if (root.classList.contains("settled")) root.classList.remove("settled");
    resting = setTimeout(rest, REST);
  }

  // What hangs on a handle.
  function hanging(key) {
    if (key === "scale") return ["progress"];
    if (key === "repeats") return ["text"];
    const [group] = Object.entries(handles).find(([, list]) => list.some((one) => one.key === key));
    return { growth: ["growth", "compute", "cost", "ceilings", "text", "limits"], cost: ["ceilings"] }[group] ?? [group];
  }

  // One a turn of the loop, so that a handle that moves again finds the page free; then it is as the handles stand.
  function rest() {
    const [name] = stale;
    if (name) {
      stale.delete(name);
      paint[name]();
      resting = setTimeout(rest, 0);
      return;
    }
    app.setParams(setting, usual);
    root.classList.add("settled");
  }

  function sliders(name) {
    return handles[name].map((one) => {
      const made = slider({ ...one, value: setting[one.key], onInput: (value) => change({ [one.key]: rounded(value) }) });
      controls.set(one.key, made);
      return made.element;
    });
  }

  function beside(names, ...children) {
    return h(
      "div", { class: "columns" }, h("div", { class: "panel" }, names.map((one) => one.element ?? sliders(one))),
      h("div", {}, children),
    );
  }

  // names: by channel, where they are known beforehand and none can come or go.
  function live(name, label, data, names = {}) {
    return chart({ spec: withNames(specs[name], names), name: `outlook-${name}`, label, data });
  }

  function read(params) {
    const found = Object.fromEntries(
      all.map((one) => [one.key, numberFrom(params, one.key, { min: one.min, max: one.max, usual: rounded(one.usual) })])
    );
    return { ...found, repeats: params.repeats === "no" ? "no" : "yes", scale: params.scale === "yes" ? "yes" : "no" };
  }

  for (const name of Object.keys(paint)) paint[name]();
  root.classList.add("settled");
  return {
    restore: (params) => {
      const found = read(params);
      repeats.set(found.repeats === "yes");
      byScale.set(found.scale === "yes");
      change(found);
    },
    unmount: () => {
      clearTimeout(resting);
      clearTimeout(later);
      screen.stop();
      Object.values(pictures).forEach((one) => one.remove());
    },
  };
}

function rounded(value) {
  return Number(value.toPrecision(4));
}

function drawsOf(size, seed) {
  const kept = new Map();
  return new Proxy({}, { get: (_, name) => {
    if (!kept.has(name)) kept.set(name, stratified(String(name), seed, size).map(normalQuantile));
    return kept.get(name);
  } });
}

// A chart whose rows keep their names: Vega then leaves axes and legends as they are when the rows change.
function withNames(spec, names) {
  const held = (channel, encoded) => (names[channel] && encoded.field
    ? { ...encoded, scale: { ...encoded.scale, domain: names[channel] } } : encoded);
  const layer = spec.layer.map((one) => ({
    ...one, encoding: Object.fromEntries(Object.entries(one.encoding).map(([channel, it]) => [channel, held(channel, it)])),
  }));
  return { ...spec, layer };
}

function showCrossings(picture, bases, write) {
  const rows = [];
  for (const { name, crossings } of bases) {
    for (const one of crossings) {
      const label = name ? `${write(one.value)} ${name}` : write(one.value);
      for (const [who, when] of [[WHO[0], one.largest], [WHO[1], one.typical]]) {
        rows.push(
          { label, who, low: Math.min(when.low, NEVER), middle: Math.min(when.middle, NEVER), high: Math.min(when.high, NEVER) }
        );
      }
    }
  }
  picture.set("crossings", rows);
}

// Words that stay on one line.
function unbroken(text) {
  return h("span", { class: "unbroken" }, text);
}

function part(title, ...children) {
  return h("section", { class: "part" }, h("h2", {}, title), children);
}

function note(text) {
  return h("p", { class: "hint" }, text);
}
