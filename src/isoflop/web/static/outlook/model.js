// Where it leads, draw by draw: isoflop.outlook in the browser. z: normal draws by name, { name: Float64Array }.

import { normalQuantile } from "../core/stats.js";
import { each, ranked } from "../decide/value.js";

// Median and the central interval of draws; each is one of them, so that a year that never comes stays infinite. write:
// of the three, where it rises, such as from logarithms.
export function spread(values, level, write = (x) => x) {
  const tail = (1 - level) / 2;
  const rank = (p) => Math.max(0, Math.ceil(p * values.length - 1));
  const [low, middle, high] = ranked(values, [rank(tail), rank(0.5), rank(1 - tail)]).map(write);
  return { low, middle, high, level };
}

export const tenTo = (x) => 10 ** x;

export function lognormal(low, high, z, level) {
  const middle = Math.log(low * high) / 2;
  const half = Math.log(high / low) / 2 / normalQuantile((1 + level) / 2);
  return each(z.length, (i) => Math.exp(middle + half * z[i]));
}

// A line of typical runs and the largest run known, in orders of magnitude. growth: [low, high] of 80 %, or null for the
// line's own, from the largest run on. As isoflop.outlook.frontier.draw_frontier.
export function frontier(line, z, growth) {
  const n = z.level.length;
  const level = each(n, (i) => Math.log10(line.value) + line.value_se * z.level[i]);
  const off = Math.log10(line.within) / normalQuantile(0.95);
  const largest = each(n, (i) => Math.log10(line.largest) + off * z.largest[i]);
  const slope = each(n, (i) => line.slope + line.slope_se * z.slope[i]);
  if (!growth) return { origin: line.origin, level, slope, since: line.since, largest };
  const known = each(n, (i) => level[i] + slope[i] * (line.since - line.origin));
  const [low, high] = growth;
  const middle = Math.log10(low * high) / 2;
  const half = Math.log10(high / low) / 2 / normalQuantile(0.9);
  const given = each(n, (i) => middle + half * z.given[i]);
  return { origin: line.since, level: known, slope: given, since: line.since, largest };
}

export function lineAt(made, year) {
  return logLineAt(made, year).map(tenTo);
}

export function largestAt(made, year) {
  return logLargestAt(made, year).map(tenTo);
}

export function logLineAt(made, year) {
  return each(made.level.length, (i) => made.level[i] + made.slope[i] * (year - made.origin));
}

export function logLargestAt(made, year) {
  return each(made.level.length, (i) => made.largest[i] + made.slope[i] * (year - made.since));
}

export function lineReaches(made, value) {
  return years(made, value, made.level, made.origin);
}

export function largestReaches(made, value) {
  const reached = years(made, value, made.largest, made.since);
  return reached.map((year) => Math.max(year, made.since));
}

function years({ slope }, value, from, start) {
  const log = Math.log10(value);
  return each(slope.length, (i) => (slope[i] > 0 ? start + (log - from[i]) / slope[i] : Infinity));
}

// The growth of a line's own at 80 %, or that which goes with another growth of compute: cost a FLOP keeps its pace, and
// the interval its width in ln. Null where the growth of compute is as measured.
export function growthOf(line, compute, factor) {
  if (factor === null) return null;
  const shift = Math.log10(factor) - compute.slope;
  const half = normalQuantile(0.9) * line.slope_se;
  return [-1, 1].map((side) => 10 ** Math.max(line.slope + shift + side * half, 1e-4));
}

// ---- text

// The indexed web of 2024 and its growth; repeats: whether a token counts as often as it helps; generated: text made, as
// a share of what there is. As isoflop.outlook.stock.web_stock.
export function webStock(facts, z, { repeats = true, generated = 0 } = {}) {
  const between = (name) => lognormal(...facts[name], z[name], facts.level);
  const shorter = between("shorter_by");
  const [pages, bytes, quality, repetition] = ["pages", "bytes_per_page", "quality", "repetition"].map(between);
  const [users, text] = ["users_growth", "text_growth"].map(between);
  const n = shorter.length;
  const usual = Math.sqrt(facts.shorter_by[0] * facts.shorter_by[1]);
  const perToken = each(n, (i) => {
    const left = facts.plain_bytes_per_token - shorter[i];
    return left > 0.5 ? left : facts.plain_bytes_per_token - usual; // where the tail leaves no bytes
  });
  const raw = each(n, (i) => (pages[i] * bytes[i]) / perToken[i]);
  const effective = each(n, (i) => raw[i] * quality[i] * (repeats ? repetition[i] : 1) * (1 + generated));
  return { raw, effective, growth: each(n, (i) => users[i] * text[i]) };
}

// Three accounts of the text that the largest run uses: [{ name, used, growth }]. compute, text: lines; factor: growth of
// compute that is asked for, or null. As isoflop.outlook.demand.demands.
export function demands(facts, lines, z, { overtrained, factor = null }) {
  const { training_text: text, training_compute: compute } = lines;
  const times = factor === null ? 1 : Math.log10(factor) / compute.slope;
  const n = z.used.length;
  const used = lognormal(...facts.largest_dataset, z.used, 0.9);
  const flops = lognormal(...facts.largest_run, z.flops, 0.9);
  const past = each(n, (i) => 10 ** (times * (text.slope + text.slope_se * z.past[i])));
  const root = each(n, (i) => 10 ** ((times * (compute.slope + compute.slope_se * z.root[i])) / 2));
  const ratio = facts.tokens_per_param;
  const optimal = (k) => each(n, (i) => ratio * Math.sqrt(flops[i] / (6 * ratio)) * Math.sqrt(k));
  return [
    { name: facts.names[0], used, growth: past }, { name: facts.names[1], used: optimal(1), growth: root },
    { name: facts.names[2], used: optimal(overtrained), growth: root },
  ];
}

// The year in which one run would use the whole stock; infinite where use grows no faster.
export function meets(demand, stock, year) {
  return each(demand.used.length, (i) => {
    if (!(demand.growth[i] > stock.growth[i])) return Infinity;
    return year + Math.log(stock.effective[i] / demand.used[i]) / Math.log(demand.growth[i] / stock.growth[i]);
  });
}

// ---- limits of a year

// Draws of the inputs, correlated by a Gaussian copula. times: factor on an input's values by name. As
// isoflop.outlook.limits.draw_unknowns.
export function inputs(facts, z, times = {}) {
  const n = z[facts.drawn[0]].length;
  const all = {};
  for (const [name, { p10, p50, p90 }] of Object.entries(facts.inputs)) {
    const row = facts.drawn.indexOf(name);
    const by = times[name] ?? 1;
    if (row < 0) {
      all[name] = each(n, () => p50 * by);
      continue;
    }
    const [low, high] = [Math.log(p10), Math.log(p90)];
    const unit = (high - low) / 2 / normalQuantile(0.9);
    all[name] = each(n, (i) => {
      let normal = 0;
      for (const [column, weight] of facts.joined[row]) normal += weight * z[facts.drawn[column]][i];
      return Math.exp((low + high) / 2 + unit * normal) * by;
    });
  }
  all.run_flops_per_chip = each(n, (i) => all.chip_peak[i] * all.training_utilisation[i] * all.run_seconds[i]);
  return all;
}

export const limits = {
  campus: (u, year, facts) => onPower(u, u.largest_campus_watts, year - facts.start),
  power: (u, year, facts) => {
    const ahead = year - facts.start;
    const watts = each(u.epochs.length, (i) => {
      const total = u.us_datacentre_watts[i] * u.us_datacentre_growth[i] ** ahead;
      const other = (u.us_datacentre_watts[i] - u.us_ai_watts[i]) * u.us_other_growth[i] ** ahead;
      return Math.max(total - other, u.us_ai_watts[i]) * u.largest_run_share[i];
    });
    return onPower(u, watts, ahead);
  },
  chips: (u, year, facts) => each(u.epochs.length, (i) => {
    let made = u.chip_stock[i];
    for (let k = 1; k <= Math.round(year - facts.start); k += 1) {
      made += u.chip_production[i] * (u.production_growth[i] * u.chip_speed_growth[i]) ** k;
    }
    return made * u.largest_run_share[i] * u.run_flops_per_chip[i];
  }),
  data: (u, year, facts) => each(u.epochs.length, (i) => {
    const seen = u.images[i] + u.video_seconds[i];
    const tokens = u.web_tokens[i] + seen * u.tokens_per_image[i] + u.audio_seconds[i] * u.tokens_per_audio_second[i];
    return (6 * (tokens * u.quality[i] * u.epochs[i] * u.stock_growth[i] ** (year - facts.start)) ** 2) / 20;
  }),
  latency: (u, year, facts) => each(u.epochs.length, (i) => {
    const speed = u.chip_peak[i] * u.training_utilisation[i] * u.chip_speed_growth[i] ** (year - facts.start);
    return wallFlops(u.run_seconds[i], speed, u.batch_tokens[i], u.layer_exponent[i], facts.latency);
  }),
};

function onPower(u, watts, ahead) {
  return each(watts.length, (i) =>
    (watts[i] / u.watts_per_chip[i]) * u.power_efficiency_growth[i] ** ahead * u.run_flops_per_chip[i]);
}

// The largest run whose steps fit into its time on the cluster that it needs; as isoflop.outlook.latency.wall_flops.
export function wallFlops(time, speed, batch, exponent, facts) {
  const known = facts.layer_scale * facts.layers_at ** facts.layer_exponent;
  let low = Math.log(1e8);
  let high = Math.log(1e22);
  for (let k = 0; k < facts.halvings; k += 1) {
    const middle = (low + high) / 2;
    const params = Math.exp(middle);
    const chips = (6 * facts.tokens_per_param * params ** 2) / (time * speed);
    const sharing = (chips * facts.tokens_per_chip) / batch;
    const hops = Math.max(0, Math.log2(Math.sqrt(Math.max(sharing, 1)) / facts.chips_in_node));
    const exchange = facts.exchanges_per_layer
      * (facts.exchange_seconds + 2 * (facts.ranks_in_node * facts.rank_seconds + hops * facts.node_seconds));
    const layers = known * (params / facts.layers_at) ** exponent;
    if ((exchange * layers * facts.tokens_per_param * params) / batch <= time) low = middle;
    else high = middle;
  }
  return 6 * facts.tokens_per_param * Math.exp(low) ** 2;
}

// The smallest of several limits, draw by draw: { smallest, which }.
export function binding(found) {
  const n = found[0].length;
  const which = new Int32Array(n);
  const smallest = each(n, (i) => {
    for (let k = 1; k < found.length; k += 1) if (found[k][i] < found[which[i]][i]) which[i] = k;
    return found[which[i]][i];
  });
  return { smallest, which };
}

// ---- sums that need no draws

export function requiredRevenue({ chips, around, margin }) {
  return (chips * around) / (1 - margin);
}

// The longest run worth starting, in years: 1 over the sum of continuous growth rates.
export function longestRun(factors) {
  return 1 / factors.reduce((sum, factor) => sum + Math.log(factor), 0);
}

// Half width of the interval of a mean.
export function marginOfError(deviation, samples, level) {
  return (normalQuantile((1 + level) / 2) * deviation) / Math.sqrt(samples);
}
