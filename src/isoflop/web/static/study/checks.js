// Whether to believe it: residuals, backtest and calibration, forecasts on record, runs on watch.

import { chart } from "../core/charts.js";
import { h, replace } from "../core/dom.js";
import { count, fixed, percent } from "../core/format.js";
import { table } from "../core/table.js";
import { residualRows, rowsOf } from "./model.js";
import { fill, instead, note, section, trouble } from "./parts.js";

export function checksPart(study, app) {
  const element = h("div");
  const rooms = ["watch", "residuals", "backtest", "ledger"].map(() => h("div"));
  let pictures = [];
  let shownFor = "";
  replace(element, rooms);

  const make = (name, data, file) => {
    const picture = chart({ spec: app.data.charts[name], name: file ?? name, data });
    pictures.push(picture);
    return picture;
  };

  function draw(what) {
    const { steps, working, of } = study.analysis;
    const key = JSON.stringify([of, Object.keys(steps), working, study.payload.ledger, steps.watch?.flying]);
    if (key === shownFor) {
      if (what !== "analysis") feed(steps);
      return;
    }
    shownFor = key;
    pictures.forEach((each) => each.remove());
    pictures = [];
    replace(rooms[0], section("Watch", watched(steps.watch, working, make)));
    replace(rooms[1], section("Residuals", instead(steps.law, working) ?? [
      note("Above zero, a run came out worse than the weighted mean of the laws says. A pattern, such as all large runs above, means that the law is missing something."),
      make("residuals", { residuals: [] }).element]));
    replace(rooms[2], section("Backtest and calibration", instead(steps.backtest, working) ?? backtested(steps.backtest, make)));
    replace(rooms[3], section("Forecasts on record", ledger(study.payload.ledger)));
    feed(steps);
  }

  function feed(steps) {
    const picture = pictures.find((each) => each.element.dataset.chart === "residuals");
    if (picture && steps.law?.residuals) fill(picture, { residuals: residualRows(steps.law.residuals, study.shown()) });
  }

  draw();
  return { element, update: draw, remove: () => pictures.forEach((each) => each.remove()) };
}

function watched(step, working, make) {
  const waiting = instead(step, working);
  if (waiting) return waiting;
  const flying = step.flying.map((run) => {
    if (run.trouble) return [h("h3", {}, run.name), trouble(run.trouble)];
    const bad = ["behind", "broken"].includes(run.status);
    const end = { tokens: run.tokens, loss: run.end[0], low: run.end[1], high: run.end[2] };
    const rows = rowsOf(run.blocks);
    return [h("h3", {}, run.name), h("p", { class: bad ? "warning" : null }, run.sentence),
      rows.length ? make("blocks", { blocks: rows, end: [end] }, `watch-${run.name}`).element : null];
  });
  const groups = step.groups.map((group) =>
    h("p", { class: group.verdict === "falls off" ? "warning" : null }, group.sentence));
  return [...flying, ...groups, step.groups_trouble ? note(step.groups_trouble) : null,
    step.flying.length ? note("Line and band: the course of a run on track. Dots: the run. Diamond: the loss it heads for.") : null];
}

function backtested(step, make) {
  const columns = [
    { name: "low", title: "Times past the runs used", write: (low, row) => `${count(low)} to ${count(row.high)}` },
    { name: "targets", title: "Forecasts", number: true },
    { name: "error", title: "Median error", number: true, write: (value) => percent(value) },
    { name: "held", title: "Inside the 90 % interval", number: true, write: (value) => percent(value) },
  ];
  const points = rowsOf(step.points).map(({ ratio, error, held }) => ({ ratio, error, what: held ? "inside its interval" : "outside" }));
  return [
    h("p", {}, step.said),
    h("div", { class: "pair" }, make("points", { points }, "backtest").element, make("coverage", { coverage: step.coverage }, "calibration").element),
    table({ columns, rows: step.by_ratio, caption: "Backtest by how far forecasts reached" }).element,
    note("The runs above each cut in compute were forecast from those below it, with nothing known of what is above. Forecasts of different cuts share runs, so they are fewer trials than they look."),
  ];
}

function ledger(entries) {
  if (!entries.length) {
    return note("No forecast of this study is on record. ", h("code", {}, "isoflop forecast … --record NAME"), " writes one down before its run exists.");
  }
  const inside = (row) => (row.measured === null ? "open" : row.low <= row.measured && row.measured <= row.high ? "inside" : "missed");
  const columns = [
    { name: "name", title: "Forecast" },
    { name: "made_at", title: "Written", write: (value) => String(value).slice(0, 16).replace("T", " ") },
    { name: "params", title: "Parameters", number: true, write: (value) => (value ? count(value) : "–") },
    { name: "tokens", title: "Tokens", number: true, write: (value) => (value ? count(value) : "–") },
    { name: "extrapolation", title: "Times past", number: true, write: (value) => (value ? `${count(value, 2)}×` : "–") },
    { name: "loss", title: "Foretold", number: true, write: (value) => fixed(value, 4) },
    { name: "low", title: "Interval", number: true, write: (low, row) => `${fixed(low, 4)} to ${fixed(row.high, 4)} (${percent(row.level)})` },
    { name: "measured", title: "Measured", number: true, write: (value) => (value === null ? "–" : fixed(value, 4)) },
    { name: "outcome", title: "Result", write: (_, row) => inside(row) },
  ];
  const scored = entries.filter((row) => row.measured !== null);
  const held = scored.filter((row) => inside(row) === "inside").length;
  return [
    scored.length ? h("p", {}, `${held} of ${scored.length} scored ${scored.length === 1 ? "forecast" : "forecasts"} held the loss that was measured.`) : null,
    table({ columns, rows: entries, caption: "Forecasts on record" }).element,
  ];
}
