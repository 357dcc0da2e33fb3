// What money does to a run, draw by draw: isoflop.planning.decide_effects in the browser.

import { each } from "./value.js";
import { bestSplit, lossAt, takeLaw } from "./law.js";

// A world: draws of everything unknown. values: { name: Float64Array }; plan: { flops | usd | params and tokens,
// tokens_available: null where there is no limit }; facts: constants of the model.
export function makeWorld({ law, values, plan, peak, progress, repeats, facts }) {
  const n = law.E.length;
  const perUsd = values.mfu && values.rent_usd
    ? each(n, (i) => (peak * 3600 * values.mfu[i]) / values.rent_usd[i])
    : null;
  const given = plan.params ? facts.flops_per_param_token * plan.params * plan.tokens : plan.flops;
  const flops = plan.usd ? each(n, (i) => plan.usd * perUsd[i]) : new Float64Array(n).fill(given);
  const limited = Number.isFinite(plan.tokens_available ?? Infinity);
  const unique = new Float64Array(n).fill(limited ? plan.tokens_available : Infinity);
  const rate = values[repeats === "half_life" ? "half_life_passes" : "repeat_value"] ?? new Float64Array(n).fill(Infinity);
  return { n, law, values, plan, peak, progress, repeats, facts, perUsd, flops, limited, unique, rate };
}

export function takeWorld(world, n) {
  if (n >= world.n) return world;
  const values = Object.fromEntries(Object.entries(world.values).map(([name, all]) => [name, all.subarray(0, n)]));
  return makeWorld({ ...world, law: takeLaw(world.law, n), values });
}

// The same draws with one unknown at a value.
export function holdWorld(world, name, value) {
  return makeWorld({ ...world, values: { ...world.values, [name]: new Float64Array(world.n).fill(value) } });
}

export function withLaw(world, law) {
  return makeWorld({ ...world, law });
}

// The baseline: N and D where they are given, else the best split of its compute.
export function planned(world) {
  if (!world.plan.params) return spent(world, [], {});
  const { params, tokens } = world.plan;
  const loss = lossAt(world.law, params, tokens, world.unique, world.rate, world.repeats, world.facts);
  const all = (value) => new Float64Array(world.n).fill(value);
  return {
    loss, flops: world.flops, params: all(params), tokens: all(tokens), unique: world.unique, method: all(1), data: all(1),
  };
}

// The best run after spending dollars by option. Of filters the best is taken in each draw, or none.
export function spent(world, options, usd) {
  const paid = options.filter((one) => usd[one.name] > 0);
  const ways = paid.reduce(
    (found, one) => found.flatMap((way) => filters(world, one, usd[one.name]).map((cut) => ({ ...way, [one.name]: cut }))),
    [{}],
  );
  const best = run(world, paid, usd, ways[0]);
  for (const way of ways.slice(1)) {
    const other = run(world, paid, usd, way);
    for (let i = 0; i < world.n; i += 1) {
      if (other.loss[i] < best.loss[i]) for (const part of Object.keys(best)) best[part][i] = other[part][i];
    }
  }
  return best;
}

const NONE = {};

// Ways in which an option can filter, none last: [{ gain, kept, passes }], each an array of draws, or null where it does
// nothing; one that does nothing for options that are no filter.
function filters(world, one, usd) {
  if (one.effect !== "data_gain") return [NONE];
  if (one.grades) {
    const half = world.values[`${one.name}_half_usd`];
    const cuts = one.grades.slice(1).map((_, k) => cutOf(one.grades.slice(0, k + 1)));
    const all = (value) => new Float64Array(world.n).fill(value);
    return [...cuts.map(({ worth, share, passes }) => ({
      gain: each(world.n, (i) => 1 + (worth - 1) * (usd / (usd + half[i]))), kept: all(share),
      passes: passes === null ? null : all(passes),
    })), NONE];
  }
  const gain = saturating(world, one, usd);
  const kept = world.values[`${one.name}_keep`];
  return kept ? [{ gain, kept }, ...(world.limited ? [NONE] : [])] : [{ gain }];
}

// The best grades alone: their share of all tokens, worth over the average, and passes where all have them.
function cutOf(grades) {
  const share = grades.reduce((sum, grade) => sum + grade.share, 0);
  const average = (name) => grades.reduce((sum, grade) => sum + grade.share * grade[name], 0) / share;
  return { share, worth: average("worth"), passes: grades.some((grade) => grade.passes === null) ? null : average("passes") };
}

// Fall of the loss from the plan to a run, as far as what the law promises comes.
export function gains(world, start, run_) {
  const { delivered } = world.values;
  return each(world.n, (i) => (start.loss[i] - run_.loss[i]) * (delivered ? delivered[i] : 1));
}

function run(world, spending, usd, way) {
  const { n, values } = world;
  const flops = world.flops.slice();
  const unique = world.unique.slice();
  const [method, share, data] = [0, 1, 2].map(() => new Float64Array(n).fill(1));
  let { rate } = world;
  for (const one of spending) {
    if (one.effect === "flops") for (let i = 0; i < n; i += 1) flops[i] += usd[one.name] * world.perUsd[i];
  }
  for (const one of spending) {
    if (one.effect === "flops" || one.effect === "unique_tokens") continue;
    if (one.effect === "data_gain") {
      const { gain, kept, passes } = way[one.name];
      if (gain) for (let i = 0; i < n; i += 1) data[i] *= gain[i];
      if (kept) for (let i = 0; i < n; i += 1) unique[i] *= kept[i];
      rate = passes ?? rate;
      continue;
    }
    const gain = gainOf(world, one, usd[one.name], flops);
    const makesTokens = values.data_share;
    for (let i = 0; i < n; i += 1) {
      method[i] *= gain[i];
      share[i] *= gain[i] ** (makesTokens ? makesTokens[i] : 0.5);
    }
  }
  for (const one of spending) {
    if (one.effect !== "unique_tokens" || !world.limited) continue;
    for (let i = 0; i < n; i += 1) unique[i] += (1e9 * usd[one.name]) / values.token_usd_per_billion[i];
  }
  const effective = each(n, (i) => flops[i] * method[i] * data[i]);
  const distinct = each(n, (i) => unique[i] * (data[i] * share[i]));
  const best = bestSplit(world.law, effective, distinct, rate, world.repeats, world.facts);
  const params = each(n, (i) => (Math.exp(best.logN[i]) * share[i]) / method[i]);
  const tokens = each(n, (i) => Math.exp(best.logD[i]) / (data[i] * share[i]));
  return { loss: best.loss, flops, params, tokens, unique, method, data };
}

function gainOf(world, one, usd, flops) {
  if (one.effect === "progress") return progressGain(world, usd, flops);
  if (one.effect === "inference") return inferenceGain(world, usd);
  return saturating(world, one, usd);
}

// Half of the gain at ``half`` dollars, all of it never.
function saturating(world, one, usd) {
  const gain = world.values[`${one.name}_gain`];
  const half = world.values[`${one.name}_half_usd`];
  return each(world.n, (i) => 1 + ((gain[i] - 1) * usd) / (usd + half[i]));
}

// Research: 2^(months/T), or by a yearly factor that grows with scale as a power of C.
function progressGain({ n, values, progress, facts }, usd, flops) {
  return each(n, (i) => {
    const years = Math.max(usd / values.staff_year_usd[i], facts.staff_years_floor);
    const months = values.months_per_staff_year[i] * years ** values.team_exponent[i];
    if (progress === "halving") return 2 ** (months / values.halving_months[i]);
    const small = Math.log(values.small_factor[i]);
    const frontier = Math.log(values.frontier_factor[i]);
    const held = Math.min(Math.max(flops[i], facts.small_flops), facts.frontier_flops);
    const along = Math.log(held / facts.small_flops) / Math.log(facts.frontier_flops / facts.small_flops);
    return Math.exp(((small + (frontier - small) * along) * months) / 12);
  });
}

// Training compute that thinking longer stands in for, up to its span.
function inferenceGain({ n, values, flops, perUsd, facts }, usd) {
  return each(n, (i) => {
    const bill = (values.inference_bill[i] * flops[i]) / perUsd[i];
    return Math.min((1 + usd / bill) ** (1 / values.inference_exchange[i]), facts.inference_span);
  });
}
