// What is not known: intervals, their quantiles, and seeded draws; isoflop.planning.decide_options in the browser.

import { normalQuantile, quantileSorted, uniforms } from "../core/stats.js";

export const LAW = "law";

// The quantile of an unknown below which a share u lies: straight in ln, or in the log-odds, between its three values.
export function quantileOf(unknown, u, tail) {
  const share = Math.min(Math.max(u, tail), 1 - tail);
  return fromPrices(unknown) ? quantileSorted(unknown.seen, share) : between(unknown)(normalQuantile(share));
}

function fromPrices(unknown) {
  return unknown.seen.length > 0 && unknown.low < unknown.high;
}

// The value of an unknown at a normal quantile, as a function.
function between(unknown) {
  if (unknown.low === unknown.high) return () => unknown.middle;
  const [to, back] = unknown.scale === "share" ? [logit, expit] : [Math.log, Math.exp];
  const middle = to(unknown.middle);
  const below = middle - to(unknown.low);
  const above = to(unknown.high) - middle;
  const unit = normalQuantile((1 + unknown.level) / 2);
  return (normal) => {
    const z = normal / unit;
    return back(middle + (z < 0 ? below : above) * z);
  };
}

// Draws of an unknown. shares: (draws,); normals: their normal quantiles, held at the tails.
export function valuesOf(unknown, shares, normals, tail) {
  const values = new Float64Array(shares.length);
  const at = fromPrices(unknown) ? (_, i) => quantileOf(unknown, shares[i], tail) : between(unknown);
  for (let i = 0; i < values.length; i += 1) values[i] = at(normals[i], i);
  return values;
}

export function logit(p) {
  return Math.log(p / (1 - p));
}

export function expit(x) {
  return 1 / (1 + Math.exp(-x));
}

// The same interval about another middle: all of it moves, in ln or in the log-odds. known: without an interval.
export function moved(unknown, middle, known) {
  if (known) return { ...unknown, low: middle, middle, high: middle, kind: "given", seen: [] };
  if (middle === unknown.middle) return unknown;
  const share = unknown.scale === "share";
  const shift = share ? logit(middle) - logit(unknown.middle) : Math.log(middle / unknown.middle);
  const to = (x) => (share ? expit(logit(x) + shift) : x * Math.exp(shift));
  return { ...unknown, low: to(unknown.low), middle, high: to(unknown.high), kind: "given", seen: unknown.seen.map(to) };
}

// Uniform draws of one unknown, one in each of ``size`` equal parts, shuffled by a seed of its own.
export function stratified(name, seed, size) {
  let hash = 2166136261 ^ seed;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  const uniform = uniforms(hash);
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i -= 1) {
    const j = Math.floor(uniform() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return Float64Array.from(order, (part) => (part + uniform()) / size);
}

// Draws that a page keeps: { shares(name), normals(name), values(unknown) }, made once for each unknown and, values, for
// each of its intervals.
export function keptDraws(seed, size, tail) {
  const kept = new Map();
  const of = (name) => {
    if (!kept.has(name)) {
      const shares = stratified(name, seed, size);
      const normals = Float64Array.from(shares, (u) => normalQuantile(Math.min(Math.max(u, tail), 1 - tail)));
      kept.set(name, { shares, normals });
    }
    return kept.get(name);
  };
  const values = (unknown) => {
    const draws = of(unknown.name);
    const key = `${unknown.low} ${unknown.middle} ${unknown.high}`;
    if (draws.key !== key) Object.assign(draws, { key, values: valuesOf(unknown, draws.shares, draws.normals, tail) });
    return draws.values;
  };
  return { size, values, shares: (name) => of(name).shares, normals: (name) => of(name).normals };
}

// The names of the unknowns on which options can depend, as decide_options.relevant lists them.
export function relevant(options, { priced, limited, progress, repeats, known }) {
  const effects = new Set(options.map((one) => one.effect));
  const names = [];
  for (const { name, effect, grades } of options) {
    if (grades) names.push(`${name}_half_usd`);
    if (grades || (effect !== "data_gain" && effect !== "compute_gain")) continue;
    names.push(`${name}_gain`, `${name}_half_usd`);
    if (limited && effect === "data_gain" && known.has(`${name}_keep`)) names.push(`${name}_keep`);
  }
  if (effects.has("progress")) {
    names.push("staff_year_usd", "months_per_staff_year", "team_exponent");
    if (progress === "scale_dependent") names.push("frontier_factor", "small_factor");
    if (limited) names.push("data_share");
  }
  if (limited) names.push(repeats === "half_life" ? "half_life_passes" : "repeat_value");
  if (effects.has("unique_tokens") && limited) names.push("token_usd_per_billion");
  if (effects.has("inference")) names.push("inference_exchange", "inference_bill");
  if (effects.has("progress") && progress === "halving") names.unshift("halving_months");
  if (priced || effects.has("flops") || effects.has("inference")) names.unshift("rent_usd", "mfu");
  return [...names, "delivered"];
}
