// What the outlook's sections say, from the model and the handles: plain values for charts and words.

import {
  binding, demands, frontier, growthOf, inputs, largestReaches, limits as limitsOf, lineAt, lineReaches, logLargestAt,
  logLineAt, longestRun, marginOfError, meets, requiredRevenue, spread, tenTo, webStock,
} from "./model.js";
import { mean } from "../decide/value.js";
import { normalQuantile } from "../core/stats.js";

const FIRST = 2017;
const LAST = 2034;
const STEPS = 8;

export function answers({ facts, z, now, level }) {
  const { lines } = facts;
  const measured = 10 ** lines.training_compute.slope;
  const asked = (g) => (Math.abs(g / measured - 1) < 2e-3 ? null : g);
  const once = new Map(); // by what was asked for: its last key and value, until another key is asked for
  const held = (what, key, make) => {
    if (once.get(what)?.key !== key) once.set(what, { key, value: make() });
    return once.get(what).value;
  };
  const drawn = (name, g) => held(
    name, asked(g), () => frontier(lines[name], z, growthOf(lines[name], lines.training_compute, asked(g))),
  );

  const compute = (g) => held("compute", g, () => computeAt(g));

  function computeAt(g) {
    const own = held("own", "", () => frontier(lines.training_compute, z, null));
    const made = drawn("training_compute", g);
    const even = Array.from({ length: STEPS + 1 }, (_, k) => FIRST + ((LAST - FIRST) * k) / STEPS);
    const years = [...even, made.since].sort((a, b) => a - b); // growth that is asked for sets in at the largest run known
    const at = (year) => (year < made.since || made === own // what was stays as it was
      ? held(`own ${year}`, "", () => spread(logLineAt(own, year), level, tenTo))
      : spread(logLineAt(made, year), level, tenTo));
    const half = normalQuantile(0.95) * lines.training_compute.slope_se;
    return {
      factor: asked(g) ?? measured, low: measured * 10 ** -half, high: measured * 10 ** half,
      crossings: facts.values.map((value) => crossing(made, value)),
      band: years.map((year) => ({ year, ...at(year) })),
      largest: years.filter((year) => year >= made.since).map(
        (year) => ({ year, middle: spread(logLargestAt(made, year), level, tenTo).middle })
      ),
    };
  }

  function crossing(made, value) {
    return { value, typical: spread(lineReaches(made, value), level), largest: spread(largestReaches(made, value), level) };
  }

  function cost(g) {
    return facts.bases.map((name) => {
      const made = drawn(name, g);
      return { name, crossings: facts.sums.map((value) => crossing(made, value)), factor: 10 ** mean(made.slope) };
    });
  }

  function ceilings(g, assets) {
    const made = drawn(facts.bases[0], g);
    const rows = facts.ceilings.filter((_, k) => k > 0).map(
      (one, k) => (k ? one : { ...one, usd: assets, date: assets === one.usd ? one.date : "yours" })
    );
    return rows.map((one) => ({ ...one, reached: spread(largestReaches(made, one.usd), level) }));
  }

  function gap({ chips, around, margin, known }) {
    const required = requiredRevenue({ chips, around, margin });
    return { required, gap: required - known };
  }

  function text({ g, over, made, repeats }) {
    const web = held("web", `${repeats} ${made}`, () => webStock(facts.text, z, { repeats: repeats === "yes", generated: made }));
    const uses = demands(facts.text, lines, z, { overtrained: over, factor: asked(g) });
    const effective = spread(web.effective, 0.9);
    const rate = spread(web.growth, level).middle;
    const start = facts.text.year;
    const years = [2020, 2024, 2029, 2034];
    const met = uses.map((one) => spread(meets(one, web, start), level));
    const grown = (value, factor, year) => value * factor ** (year - start);
    const middles = uses.map((one) => [spread(one.used, level).middle, spread(one.growth, level).middle]);
    return {
      effective, meets: met, between: [Math.min(...met.map((one) => one.low)), Math.max(...met.map((one) => one.high))],
      stockRows: years.map((year) => {
        const at = (value) => grown(value, rate, year);
        return { year, low: at(effective.low), middle: at(effective.middle), high: at(effective.high) };
      }),
      use: uses.flatMap((one, k) => years.map((year) => ({ what: one.name, year, tokens: grown(...middles[k], year) }))),
      spans: uses.map(
        (one, k) => ({ what: one.name, year: Math.min(met[k].low, 2034), end: Math.min(met[k].high, 2034), at: 10 ** (11.35 + 0.2 * k) })
      ),
    };
  }

  // handles: of the growth of inputs, each with the name of its input and its usual value.
  function limits(setting, handles) {
    const year = Math.round(setting.year);
    const paces = handles.filter((one) => one.input);
    const { found, bound, spreads } = held("limits", [year, ...paces.map((one) => setting[one.key])].join(), () => {
      const u = inputs(facts.limits, z, Object.fromEntries(paces.map((one) => [one.input, setting[one.key] / one.usual])));
      const found = Object.fromEntries(Object.keys(limitsOf).map((name) => [name, limitsOf[name](u, year, facts.limits)]));
      const bound = binding(facts.limits.binding.map((name) => found[name]));
      const each_ = Object.fromEntries(Object.entries(found).map(([name, draws]) => [name, spread(draws, level)]));
      return { found, bound, spreads: { ...each_, smallest: spread(bound.smallest, level) } };
    });
    const trend = lineAt(drawn("training_compute", setting.g), year);
    const n = trend.length;
    const share = (holds) => trend.reduce((sum, _, i) => sum + (holds(i) ? 1 : 0), 0) / n;
    const rows = Object.keys(found).map((name) => {
      const place = facts.limits.binding.indexOf(name);
      return {
        name, flops: spreads[name], published: facts.limits.published[name],
        binds: place < 0 ? null : share((i) => bound.which[i] === place),
      };
    });
    return {
      rows, smallest: spreads.smallest, trend: spread(trend, level),
      fits: share((i) => bound.smallest[i] >= trend[i]),
    };
  }

  function longest(factors) {
    return longestRun(factors);
  }

  function sampling({ sd, n }) {
    const margin = (m) => marginOfError(sd, m, 0.95);
    return { margin: margin(n), error: [10, 1e6].map((m) => ({ n: m, margin: margin(m) })) };
  }

  return { compute, cost, ceilings, gap, text, limits, longest, sampling };
}
