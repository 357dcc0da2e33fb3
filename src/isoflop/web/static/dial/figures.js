// The readings: what the dial gives, in groups, each with where it comes from.

import { h } from "../core/dom.js";
import { count, fixed, flops } from "../core/format.js";
import { readings } from "../core/table.js";
import { BASES } from "./bill.js";
import { between, dollars, kilowattHours, points, share, time, year, years } from "./words.js";

const MODEL = [
  { key: "C", label: "Training compute" },
  { key: "loss", label: "Predicted loss", hint: "Cross-entropy on held-out text of the kind that the law was fitted to" },
  { key: "N", label: "Parameters N" },
  { key: "D", label: "Training tokens D" },
  { key: "ratio", label: "Tokens a parameter" },
];
const MACHINES = [
  { key: "devices", label: "Accelerators" },
  { key: "seconds", label: "Wall-clock time" },
  { key: "energy", label: "Energy at the meter" },
];
const WORLD = [
  { key: "line", label: "Frontier runs: year", hint: "The year in which the line of the largest runs reaches this compute" },
  { key: "largest", label: "Largest run: year", hint: "The year in which the largest run known, grown at the same pace, reaches this compute" },
  { key: "stock", label: "Share of public text", hint: "Distinct tokens over the estimated stock of useful public text" },
];

const joined = (...notes) => notes.filter(Boolean).join("; ");

export function makeFigures(data) {
  const groups = {
    model: readings(MODEL),
    machines: readings(MACHINES),
    world: readings(WORLD),
    costs: readings(BASES.map(([key, label]) => ({ key, label }))),
    scores: readings(data.scores.map((task) => ({ key: task.name, label: task.name, hint: task.what }))),
  };
  const top = Math.max(...data.scores.map((task) => task.seen[1]));
  const first = h("div", { class: "figures" }, h("h2", {}, "The model"), groups.model.element);
  const rest = h("div", { class: "figures" },
    h("h2", {}, "The machines"), groups.machines.element,
    h("h2", {}, "The bill, on four bases"), groups.costs.element,
    h("h2", {}, "The world around it"), groups.world.element,
    h("h2", {}, "Scores to expect"), groups.scores.element,
    h("p", { class: "hint" }, `Of base models without further training, as released models of 2020 to 2024 scored; `
      + `the largest took ${flops(top)}. Past that the curves are on their own.`));
  for (const { element: list } of Object.values(groups)) list.classList.add("close");

  function show(r) {
    const m = groups.model.set;
    m("C", flops(r.C, 3), Math.abs(Math.log(r.worth / r.C)) > 0.05 ? `loss of a best-split run of ${flops(r.worth)}` : "");
    m("loss", `${fixed(r.loss.loss)} nats`, between(r.loss, fixed));
    const { N, D, ratio } = r.sizes;
    m("N", count(r.N), joined(between(N, count), Math.abs(Math.log(r.N / r.best)) > 0.01 ? `best split: ${count(r.best)}` : ""));
    m("D", count(r.D), joined(between(D, count), r.epochs > 1.005 ? `${count(r.distinct)} distinct` : ""));
    m("ratio", count(r.ratio), between(ratio, count));
    const w = groups.machines.set;
    w("devices", count(r.devices), r.machine.key);
    w("seconds", time(r.seconds), `${count(r.hours.value)} chip-hours at ${Math.round(100 * r.used.value)} % of peak`);
    w("energy", kilowattHours(r.energy.value), between(r.energy, kilowattHours));
    const start = data.frontier.start;
    const world = groups.world.set;
    world("line", year(r.years.line.value, start), years(r.years.line, start));
    const done = r.C <= data.frontier.largest_known;
    world("largest", done ? "already" : year(r.years.largest.value, start), done
      ? `${data.frontier.model} took ${flops(data.frontier.largest_known)} in ${Math.floor(data.frontier.since)}` : years(r.years.largest, start));
    world("stock", share(r.stock.value), between(r.stock, share));
    for (const cost of r.costs) {
      groups.costs.set(cost.key, Number.isFinite(cost.value) ? dollars(cost.value) : "unknown",
        Number.isFinite(cost.value) ? joined(between(cost, dollars), `price of ${cost.asOf}`) : cost.how);
    }
    for (const task of r.scores) groups.scores.set(task.name, points(task.value), between(task, (value) => String(Math.round(100 * value))));
  }
  return { first, rest, show };
}
