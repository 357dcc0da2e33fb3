// The charts of a decision: the specifications of isoflop.report.deciding with rows computed here.

import { chart } from "../core/charts.js";
import { money } from "../core/format.js";
import { quantileSorted } from "../core/stats.js";
import { inOrder } from "./value.js";
import { firstOf, saidSwing, share } from "./words.js";

const SHARES = [0.05, 0.25, 0.75, 0.95];
const NARROW = 520; // px of the window in which the names of the options stand two and two

// facts.options, budget: for rows that hold the axes until the first are computed.
export function pictures(specs, labels, { options, budget }) {
  const line = options.flatMap(
    (one) => [0.1, 10].map((times) => ({ option: one.label, usd: budget * times, gain: times / 1e3 }))
  );
  const returns = byName(specs.returns, window.innerWidth < NARROW ? 2 : 3);
  const made = {
    gains: chart({ spec: specs.gains, name: "decision-gains", label: "Fall of the loss by option", data: { gains: [] } }),
    returns: chart({
      spec: returns, name: "decision-returns", label: "Fall of the loss by the sum spent",
      data: { here: [{ usd: budget }], returns: line, ends: line },
    }),
    tornado: chart({
      spec: specs.tornado, name: "decision-tornado", label: "Lead of the best option as each unknown moves",
      data: { swings: [], zero: [{ lead: 0 }], points: [] },
    }),
    worth: chart(
      { spec: shorter(specs.worth), name: "decision-worth", label: "What knowing each unknown is worth", data: { worths: [] } }
    ),
  };
  const nameOf = (name) => labels[name] ?? name;

  // fit: whether the room for the labels is measured anew, which a moving handle does not wait for.
  const showGains = (now, fit) => {
    const label = now.options[now.best].label;
    if (fit) made.gains.view?.resize();
    made.gains.set("gains", gainRows(now));
    made.gains.title(
      `${capitalised(label)} lowers the loss most on average, and is best in ${share(now.likely[now.best])} of the draws`,
      "Dot: mean. Bar: middle half of the draws. Line: 90 %.",
    );
  };
  const showReturns = (now, curves, times) => {
    const rows = now.options.map((one, k) => curves[k].map(({ usd, gain }) => ({ option: one.label, usd, gain })));
    made.returns.set("here", [{ usd: now.budget }], false);
    made.returns.set("ends", rows.map((line) => line[line.length - 1]), false);
    made.returns.set("returns", rows.flat());
    made.returns.title(`Twice the sum on ${now.options[now.best].label} brings ${times.toFixed(2)} times as much`,
      `Expected fall of the loss, each option alone. Dashed: the budget, ${money(now.budget)}.`);
  };
  const showAsked = function* showing(all) {
    const { made: now, swings, worth } = all;
    const label = now.options[now.best].label;
    const bars = swings.map(
      (one) => ({ unknown: nameOf(one.unknown), low: Math.min(...one.leads), high: Math.max(...one.leads) })
    );
    const points = swings.flatMap((one) => {
      const said = saidSwing(now, one);
      return [0, 1].map(
        (k) => ({
          unknown: nameOf(one.unknown), at: k ? "p90" : "p10", value: said[k], lead: one.leads[k],
          best: now.options[one.best[k]].label,
        })
      );
    });
    made.tornado.set("swings", bars, false);
    made.tornado.set("points", points);
    const flips = bars.filter((row) => row.low < 0).length;
    made.tornado.title(
      flips ? `${flips} of ${bars.length} unknowns alone can take the lead from ${label}` : `${capitalised(label)} `
        + `stays ahead at the p10 and p90 of every unknown`,
      "Lead over the next best option with one unknown held at its 10th and 90th percentile, all others drawn. Left "
        + "of zero another option is best.",
    );
    yield;
    const row = (name, kind, { value, usd }) => ({ unknown: name, kind, value, said: usd === null ? "over ten "
      + "budgets" : money(Number(usd.toPrecision(2))) });
    made.worth.set("worths", [
      ...worth.each.filter((one) => one.value > 0).map((one) => row(nameOf(one.name), "one unknown", one)),
      ...worth.altogether.filter((one) => one.value > 0).map(
        (one) => row(`all of ${labelOf(now, one.name)}`, "all that an option would bring", one)
      ),
      row("everything", "everything", worth.everything),
    ]);
    const first = firstOf(all);
    made.worth.title(first ? `Find out first: ${nameOf(first.name)}` : "No single unknown changes the choice",
      "Expected value of knowing before choosing. Beside each bar: dollars that would bring as much. What changes nothing is left out.");
  };
  return { ...made, showGains, showReturns, showAsked, nameOf,
    remove: () => Object.values(made).forEach((one) => one.remove()) };
}

// The specification with the theme's colours of names, which stand out in light and dark, and so many names in a row.
function byName(spec, columns) {
  const layer = spec.layer.map((one) => {
    const { color } = one.encoding;
    if (!color?.field) return one;
    const { scale: _, ...rest } = color;
    return { ...one, encoding: { ...one.encoding, color: { ...rest, legend: { ...color.legend, columns } } } };
  });
  return { ...spec, layer };
}

// The worths with words that a small screen has room for.
function shorter(spec) {
  const layer = spec.layer.map((one) => {
    const { x, color } = one.encoding;
    const encoding = { ...one.encoding };
    if (x?.title) encoding.x = { ...x, title: "Worth of knowing (nats per token)" };
    if (color?.field) encoding.color = { ...color, legend: { ...color.legend, labelExpr: "replace(datum.label, 'that an option would bring', 'of an option')" } };
    return { ...one, encoding };
  });
  return { ...spec, layer };
}

function labelOf(now, name) {
  return now.options.find((one) => one.name === name)?.label ?? name;
}

function capitalised(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

// One row an option: 90 %, the middle half and the mean of the falls.
export function gainRows(now) {
  return now.options.map((option, k) => {
    const sorted = inOrder(now.falls[k]);
    const [low, lower, upper, high] = SHARES.map((p) => quantileSorted(sorted, p));
    return {
      option: option.label, low, lower, upper, high, mean: now.means[k], best: now.likely[k],
      said: `best in ${share(now.likely[k])}`,
    };
  });
}
