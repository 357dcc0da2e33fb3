// The next run worth training: which, at what price, and how far it would narrow the forecast.

import { chart } from "../core/charts.js";
import { h, replace } from "../core/dom.js";
import { count, fixed, flops, percent } from "../core/format.js";
import { table } from "../core/table.js";
import { instead, note, prose, section } from "./parts.js";

export function nextPart(study, app) {
  const element = h("div");
  let picture = null;
  let shownFor = "";

  function draw() {
    const { steps, working, of } = study.analysis;
    const step = steps.next;
    const key = `${of}:${Boolean(step)}:${working && !step}`;
    if (key === shownFor) return;
    shownFor = key;
    picture?.remove();
    picture = null;
    const waiting = instead(step, working);
    if (waiting) {
      replace(element, section("Next run", waiting));
      return;
    }
    const today = { label: "today", loss: step.target.loss, low: step.target.low, high: step.target.high };
    const after = step.runs.map((run, i) => ({ label: String(i + 1), loss: step.target.loss, low: run.low, high: run.high }));
    picture = chart({ spec: app.data.charts.steps, name: "next-runs", data: { steps: [today, ...after] } });
    replace(element, section("Next run", told(step), table({ columns: columns(), rows: numbered(step), caption: "Next runs" }).element,
      picture.element, step.notes.map((text) => note(prose(text))),
      note(`Chosen for a run of ${count(step.beyond)} times the largest run's compute. Spread: standard deviation of the law's loss there; the noise of a single run, ± ${percent(step.noise)}, stays. To choose for another target or price: `, h("code", {}, "isoflop next"), ".")));
  }

  draw();
  return { element, update: draw, remove: () => picture?.remove() };
}

function told(step) {
  const { target } = step;
  return [h("p", { class: "answer" }, prose(step.said)),
    h("p", {}, `The target: ${flops(target.flops)} with ${count(target.params)} parameters and ${count(target.tokens)} tokens, ` +
      `loss ${fixed(target.loss, 3)} (${fixed(target.low, 3)} to ${fixed(target.high, 3)} nats per token, 90 % interval); spread today ± ${percent(step.spread)}.`)];
}

function numbered(step) {
  return step.runs.map((run, i) => ({ ...run, order: i + 1 }));
}

function columns() {
  return [
    { name: "order", title: "Train", write: (order) => `${order}.` },
    { name: "params", title: "Parameters", number: true, write: (value) => count(value) },
    { name: "tokens", title: "Tokens", number: true, write: (value) => count(value) },
    { name: "seed", title: "Seed", number: true },
    { name: "flops", title: "Compute", number: true, write: (value) => flops(value, 3) },
    { name: "spread", title: "Spread then", number: true, write: (value) => `± ${percent(value)}` },
    { name: "low", title: "Interval then", number: true, write: (low, row) => `${fixed(low, 3)} to ${fixed(row.high, 3)}` },
    { name: "worth", title: "Worth it", write: (worth) => (worth ? "yes" : "no") },
  ];
}
