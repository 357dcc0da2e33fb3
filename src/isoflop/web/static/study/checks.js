// Whether to believe it: residuals, backtest and calibration, forecasts on record, runs on watch.

import { chart } from "../core/charts.js";
import { h, replace } from "../core/dom.js";
import { count, fixed, percent } from "../core/format.js";
import { table } from "../core/table.js";
import { placeRows, residualRows, rowsOf } from "./model.js";
import { fill, instead, note, prose, section, trouble } from "./parts.js";

const ROW = 26; // px of a forecast in its chart

export function checksPart(study, app) {
  const rooms = Object.fromEntries(["watch", "residuals", "backtest", "ledger"]
    .map((name) => [name, { element: h("div"), pictures: [], shownFor: "" }]));

  // What a room holds is made anew where what it depends on changed; the others keep their charts.
  function put(name, dependsOn, content) {
    const room = rooms[name];
    const key = JSON.stringify(dependsOn);
    if (key === room.shownFor) return;
    room.shownFor = key;
    room.pictures.forEach((each) => each.remove());
    room.pictures = [];
    const make = (chartName, data, file, height = null) => {
      const picture = chart({ spec: app.data.charts[chartName], name: file ?? chartName, data, height });
      room.pictures.push(picture);
      return picture;
    };
    replace(room.element, content(make));
  }

  function draw() {
    const { steps, working, of } = study.analysis;
    const why = steps.watch?.trouble;
    const few = why && steps.law?.trouble === why && steps.backtest?.trouble === why; // said once
    const open = (step) => [of, few, Boolean(step), working && !step];
    put("watch", [open(steps.watch), steps.watch], (make) =>
      (few ? section("Watch, residuals and backtest", trouble(why)) : section("Watch", watched(steps.watch, working, make))));
    put("residuals", open(steps.law), (make) => (few ? null : section("Residuals", instead(steps.law, working) ?? [
      note("Above zero, a run came out worse than the weighted mean of the laws says. A pattern, such as all large runs above, means that the law is missing something."),
      make("residuals", { residuals: [], sizes: study.sizes() }).element])));
    put("backtest", open(steps.backtest), (make) =>
      (few ? null : section("Backtest and calibration", instead(steps.backtest, working) ?? backtested(steps.backtest, make))));
    put("ledger", study.payload.ledger, (make) => section("Forecasts on record", ledger(study, make)));
    const [picture] = rooms.residuals.pictures;
    if (picture) fill(picture, { residuals: residualRows(steps.law.residuals, study.shown()), sizes: study.sizes() });
  }

  draw();
  const each = Object.values(rooms);
  return {
    element: h("div", {}, each.map((room) => room.element)), update: draw,
    remove: () => each.forEach((room) => room.pictures.forEach((picture) => picture.remove())),
  };
}

function watched(step, working, make) {
  const waiting = instead(step, working);
  if (waiting) return waiting;
  const flying = step.flying.map((run) => {
    if (run.trouble) return [h("h3", {}, run.name), trouble(run.trouble)];
    const bad = ["behind", "broken"].includes(run.status);
    const end = { tokens: run.tokens, loss: run.end[0], low: run.end[1], high: run.end[2] };
    const rows = rowsOf(run.blocks);
    return [h("h3", {}, run.name), h("p", { class: bad ? "warning" : null }, prose(run.sentence)),
      rows.length ? make("blocks", { blocks: rows, end: [end] }, `watch-${run.name}`).element : null];
  });
  const groups = step.groups.map((group) =>
    h("p", { class: group.verdict === "falls off" ? "warning" : null }, prose(group.sentence)));
  return [...flying, ...groups, step.groups_trouble ? note(prose(step.groups_trouble)) : null,
    step.flying.length ? note("Line and band: the course of a run on track. Dots: the run. Diamond: the loss it heads for.") : null];
}

const between = (low, high) => (low === high ? low : `${low} to ${high}`);

function backtested(step, make) {
  const columns = [
    { name: "low", title: "Times past the runs used", write: (low, row) => between(count(low), count(row.high)) },
    { name: "targets", title: "Forecasts", number: true },
    { name: "error", title: "Median error", number: true, write: (value) => percent(value) },
    { name: "held", title: "Inside the 90 % interval", number: true, write: (value) => percent(value) },
  ];
  const points = rowsOf(step.points).map(({ ratio, error, held }) => ({ ratio, error, what: held ? "inside its interval" : "outside" }));
  return [
    h("p", {}, prose(step.said)),
    h("div", { class: "pair" }, make("points", { points }, "backtest").element, make("coverage", { coverage: step.coverage }, "calibration").element),
    table({ columns, rows: step.by_ratio, caption: "Backtest by how far forecasts reached" }).element,
    note("The runs above each cut in compute were forecast from those below it, with nothing known of what is above. Forecasts of different cuts share runs, so they are fewer trials than they look."),
  ];
}

function ledger(study, make) {
  const { ledger: entries, calibration } = study.payload;
  if (!entries.length) {
    return note("No forecast of this study is on record, so none is scored. ", h("code", {}, "isoflop forecast … --record NAME"), " writes one down before its run exists.");
  }
  const called = (name) => study.rows.get(name)?.label ?? name;
  const inside = (row) => (row.measured === null ? "open" : row.low <= row.measured && row.measured <= row.high ? "inside" : "missed");
  const columns = [
    { name: "name", title: "Forecast", write: called },
    { name: "made_at", title: "Written", write: (value) => String(value).slice(0, 16).replace("T", " ") },
    { name: "params", title: "Parameters", number: true, write: (value) => (value ? count(value) : "–") },
    { name: "tokens", title: "Tokens", number: true, write: (value) => (value ? count(value) : "–") },
    { name: "extrapolation", title: "Times past", number: true, write: (value) => (value ? `${count(value, 2)}×` : "–") },
    { name: "loss", title: "Foretold", number: true, write: (value) => fixed(value, 4) },
    { name: "low", title: "Interval", number: true, write: (low, row) => `${fixed(low, 4)} to ${fixed(row.high, 4)} (${percent(row.level)})` },
    { name: "measured", title: "Measured", number: true, write: (value) => (value === null ? "–" : fixed(value, 4)) },
    { name: "outcome", title: "Result", write: (_, row) => inside(row) },
  ];
  return [
    scored(entries, inside), ...(calibration?.scored ? fallen(calibration, called, make) : []),
    table({ columns, rows: entries, caption: "Forecasts on record" }).element,
  ];
}

function scored(entries, inside) {
  const those = entries.filter((row) => row.measured !== null);
  const some = `${entries.length === 1 ? "One forecast is" : `${entries.length} forecasts are`} on record`;
  if (!those.length) return h("p", {}, `${some}; none is scored yet, since no run of theirs has landed.`);
  const held = those.filter((row) => inside(row) === "inside").length;
  if (entries.length === 1) return h("p", {}, `One forecast is on record and scored: its interval ${held ? "held" : "missed"} the loss that was measured.`);
  return h("p", {}, `${some}, ${those.length} scored: ${held} of ${those.length} scored ${those.length === 1 ? "forecast" : "forecasts"} held the loss that was measured.`);
}

// Where measurements fell: in their whole distributions where enough were recorded, else each in its interval.
function fallen(calibration, called, make) {
  if (calibration.steps) {
    const dots = rowsOf(calibration.dots).map((dot) => ({ ...dot, forecast: called(dot.forecast) }));
    const rest = calibration.scored - calibration.pit;
    return [make("pit", { steps: rowsOf(calibration.steps), dots, band: rowsOf(calibration.band) }, "forecasts-on-record").element,
      note(`Of ${calibration.pit} scored forecasts${rest ? ` (${rest} more kept no whole distribution)` : ""}. On the diagonal, forecasts mean what they say; in nine of ten such records that do, the steps stay inside the grey band. Steep in the middle: intervals too wide; steep at both ends: too narrow.`)];
  }
  const shown = calibration.places.name.length;
  return [make("places", { places: placeRows(calibration.places, called) }, "forecasts-on-record", ROW * shown).element,
    note(`Bars: the intervals, each drawn equally wide about its forecast. Marks: what was measured. ${shown < calibration.scored ? `The newest ${shown} of ${calibration.scored}. ` : ""}With ten scored forecasts and more, their foretold probabilities are drawn.`)];
}
