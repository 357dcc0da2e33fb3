// The law: its forms and their weights, its constants, the runs along it, and what larger runs would reach.

import { chart } from "../core/charts.js";
import { h, replace, setText } from "../core/dom.js";
import { count, fixed, flops, percent } from "../core/format.js";
import { numberFrom } from "../core/state.js";
import { slider } from "../core/controls.js";
import { readings, table } from "../core/table.js";
import { dots, rowsOf } from "./model.js";
import { instead, note, prose, section } from "./parts.js";

const short = (value) => (value === null ? "–" : Math.abs(value) >= 1e4 ? value.toExponential(2).replace("e+", "e") : String(Number(value.toPrecision(4))));

// A formula as people write it: powers with ^, the usual Greek letters.
export function pretty(formula) {
  return formula.replaceAll("**", "^").replace(/\b(alpha|beta|gamma|delta|kappa|nu)\b/g,
    (name) => ({ alpha: "α", beta: "β", gamma: "γ", delta: "δ", kappa: "κ", nu: "ν" })[name]);
}

// Between the forecasts of two budgets, in the logarithms of all.
export function forecastAt(ahead, C) {
  const last = ahead.flops.length - 1;
  const x = Math.log(Math.min(Math.max(C, ahead.flops[0]), ahead.flops[last]));
  let i = 0;
  while (i < last - 1 && Math.log(ahead.flops[i + 1]) < x) i += 1;
  const [a, b] = [Math.log(ahead.flops[i]), Math.log(ahead.flops[i + 1])];
  const t = (x - a) / (b - a);
  const between = (name) => Math.exp((1 - t) * Math.log(ahead[name][i]) + t * Math.log(ahead[name][i + 1]));
  return Object.fromEntries(["flops", "params", "tokens", "loss", "low", "high", "beyond"].map((name) => [name, between(name)]));
}

export function lawPart(study, app) {
  const element = h("div");
  let pictures = [];
  let shownFor = "";

  function draw() {
    const { steps, working, of } = study.analysis;
    const law = steps.law;
    const key = `${of}:${Boolean(law)}:${working && !law}`;
    if (key === shownFor) return feed();
    shownFor = key;
    pictures.forEach((each) => each.remove());
    pictures = [];
    const waiting = instead(law, working);
    if (waiting) return replace(element, section("The law", waiting));
    pictures = [
      chart({ spec: app.data.charts.lines, name: "law", data: { lines: rowsOf(law.lines), runs: [], sizes: study.sizes() } }),
      chart({ spec: app.data.charts.ahead, name: "forecast", data: { ahead: rowsOf(law.ahead), runs: [] } }),
    ];
    replace(element, section("The law", opening(law), forms(law), constants(law), pictures[0].element),
      section("Larger runs", ahead(law, study, app), pictures[1].element,
        note(law.ahead.best ? "Each budget is split between parameters and tokens as the weighted formulas find best."
          : "These laws have no best split inside; budgets are split as that of the largest run was."),
        law.ahead.notes.map((text) => note(prose(text)))));
    return feed();
  }

  function feed() {
    if (!pictures.length) return;
    const rows = dots(study.shown().filter((row) => row.fitted));
    pictures[0].set("sizes", study.sizes(), false);
    pictures.forEach((picture) => picture.set("runs", rows)); // the law itself is drawn even where no run is shown
  }

  draw();
  return { element, update: draw, remove: () => pictures.forEach((each) => each.remove()) };
}

function opening(law) {
  const left = `leave ${percent(law.rms)} of the loss unexplained (root mean square over ${law.n_runs} runs)`;
  return h("p", {}, `${law.forms.length === 1 ? "One formula was fitted; it" : `${law.forms.length} formulas, weighed by how well each forecast the dearer runs from the cheaper ones,`} `,
    `${law.forms.length === 1 ? left.replace("leave", "leaves") : left}. L is the loss in nats per token, N the parameters, D the training tokens.`);
}

function forms(law) {
  const columns = [
    { name: "name", title: "Form", write: (name) => name.replaceAll("_", " ") },
    { name: "weight", title: "Weight", number: true, write: (value) => percent(value) },
    { name: "formula", title: "L =", write: (formula) => h("code", {}, pretty(formula)) },
    { name: "doubts", title: "Doubts", write: (doubts) => (doubts.length ? doubts.map((d) => d.outcome).join(", ") : "none") },
  ];
  const told = law.forms.flatMap((form) => form.doubts.map((doubt) => h("li", {},
    h("strong", {}, `${form.name}: ${doubt.outcome}. `), prose(`${doubt.cause} ${doubt.remedy}`))));
  const findings = law.findings.map((f) => h("li", {}, h("strong", {}, `${f.severity}: `), prose(`${f.message} ${f.remedy}`)));
  return [
    table({ columns, rows: law.forms, caption: "Formulas and their weights" }).element,
    told.length || findings.length ? h("ul", { class: "doubts" }, told, findings) : null,
  ];
}

function constants(law) {
  const rows = law.forms.flatMap((form) => form.constants.map((constant) => ({ form: form.name, ...constant })));
  const columns = [
    { name: "name", title: "Constant", write: pretty }, { name: "form", title: "Of form" },
    { name: "value", title: "Value", number: true, write: short },
    { name: "low", title: "90 % interval", number: true, write: (low, row) => (low === null ? "–" : `${short(low)} to ${short(row.high)}`) },
    { name: "meaning", title: "What it is" },
  ];
  return h("details", { class: "numbers" }, h("summary", {}, "Constants with their intervals"),
    table({ columns, rows, caption: "Constants of the formulas" }).element);
}

function ahead(law, study, app) {
  const [low, high] = [law.ahead.flops[0], law.ahead.flops.at(-1)];
  const figures = readings([
    { key: "loss", label: "Loss, nats per token" }, { key: "params", label: "Parameters" }, { key: "tokens", label: "Tokens" },
    { key: "beyond", label: "Past the largest run" },
  ]);
  const show = (C) => {
    const said = forecastAt(law.ahead, C);
    figures.set("loss", fixed(said.loss, 3), `${fixed(said.low, 3)} to ${fixed(said.high, 3)}, ${percent(law.level)} interval`);
    figures.set("params", count(said.params));
    figures.set("tokens", count(said.tokens), `${count(said.tokens / said.params)} a parameter`);
    figures.set("beyond", `${count(said.beyond, 2)}×`, said.beyond > 10.01 ? "far: the formula itself is in doubt" : "");
  };
  const start = numberFrom(study.params, "C", { min: low, max: high, usual: 10 * low });
  const bar = slider({
    label: "Training compute", min: low, max: high, log: true, value: start, write: (C) => flops(C, 3),
    onInput: show, onChange: (C) => study.remember({ C: C.toPrecision(4) }),
  });
  show(start);
  return [bar.element, figures.element];
}
