// A decision, computed in the browser as isoflop.planning.decide computes it, on fewer draws.
//
// weigh() is what a moved slider needs at once, and computes only what the slider changes; choices, returns, tornado,
// worths and mixture come after it, in steps, as generators that a page runs between two frames.

import { gains, holdWorld, makeWorld, planned, spent, takeWorld, withLaw } from "./effects.js";
import { computeMultiplier, drawLaw, frontierSlope } from "./law.js";
import { LAW, quantileOf, relevant } from "./unknowns.js";
import {
  binsOf, choicesByGroup, each, indexOfMax, informationOn, interpolate, mean, medianOf, perfectInformation, sharesBest,
  simplex, spread,
} from "./value.js";

// facts: what Python gave. asked: { budget, plan, options (names), unknowns (by name), laws (indices or null for all),
// progress, repeats, grades (of pools, by option, where there are any) }. draws: of unknowns.keptDraws. before: what came
// of the same draws under other assumptions, whose parts stand where nothing that they hang on has changed.
export function weigh(facts, asked, draws, before = null) {
  return finish(weighing(facts, asked, draws, before));
}

export function* weighing(facts, asked, draws, before = null) {
  const options = facts.options.filter((one) => asked.options.includes(one.name))
    .map((one) => ({ ...one, grades: asked.grades?.[one.name] ?? null }));
  const limited = Number.isFinite(asked.plan.tokens_available ?? Infinity);
  const shape = {
    priced: Boolean(asked.plan.usd), limited, progress: asked.progress, repeats: asked.repeats,
    known: new Set(facts.unknowns.map((one) => one.name)),
  };
  const unknowns = relevant(options, shape).map((name) => asked.unknowns[name]);
  const values = Object.fromEntries(unknowns.map((one) => [one.name, draws.values(one)]));
  const frame = JSON.stringify([asked.plan, asked.laws, asked.progress, asked.repeats]);
  const { part, parts } = partsOf(before?.draws === draws && before.frame === frame ? before.parts : new Map());
  const source = part("source", [], () => sourceOf(facts, asked.laws));
  const world = makeWorld({
    law: part("law", [], () => drawLaw(source, draws.shares(LAW))), values, plan: asked.plan,
    peak: facts.peak_flops_per_second, progress: asked.progress, repeats: asked.repeats, facts,
  });
  const hangsOn = (some) => relevant(some, shape).filter((name) => name !== "delivered").map((name) => values[name]);
  const start = part("start", hangsOn([]), () => planned(world));
  yield;
  const runs = [];
  for (const one of options) {
    const given = [asked.budget, JSON.stringify(one.grades), ...hangsOn([one])];
    runs.push(part(`run ${one.name}`, given, () => spent(world, options, { [one.name]: asked.budget })));
    yield;
  }
  const falls = runs.map((run, k) => part(
    `fall ${options[k].name}`, [start, run, values.delivered], () => gains(world, start, run),
  ));
  const means = falls.map(mean);
  return {
    facts, budget: asked.budget, options, unknowns, source, world, start, runs, falls, means, best: indexOfMax(means), draws,
    likely: sharesBest(falls), open: unknowns.filter((one) => one.low < one.high), lawOpen: source.members.length > 1,
    frame, parts, part,
  };
}

// Values that stand as long as what they are made of does: part(name, inputs, make); inputs are compared as they are.
function partsOf(kept) {
  const parts = new Map();
  const part = (name, inputs, make) => {
    const old = parts.get(name) ?? kept.get(name);
    const stands = old && old.inputs.length === inputs.length && inputs.every((one, k) => one === old.inputs[k]);
    const now = stands ? old : { inputs, value: make() };
    parts.set(name, now);
    return now.value;
  };
  return { part, parts };
}

function sourceOf(facts, chosen) {
  const members = facts.laws.filter((_, i) => !chosen || chosen.includes(i));
  return { members: members.map((law) => ({ ...law, weight: 1 / members.length })) };
}

// What the headline says of each option while a handle moves.
export function headlines(made, level) {
  const { law } = made.world;
  return made.options.map((option, k) => {
    const [fall, run] = [made.falls[k], made.runs[k]];
    return {
      option, best: made.likely[k], fall: made.part(`spread ${option.name}`, [fall], () => spread(fall, level)),
      multiplier: made.part(`like ${option.name}`, [made.start, run], () =>
        spread(computeMultiplier(law, made.start.loss, run.loss), level)),
    };
  });
}

// The medians that stand in the line of the plan.
export function planLine({ start, world: { n }, part }) {
  return part("plan", [start], () => ({
    ...Object.fromEntries(["flops", "params", "tokens"].map((name) => [name, { median: medianOf(start[name]) }])),
    epochs: { median: medianOf(each(n, (i) => Math.max(start.tokens[i] / start.unique[i], 1))) },
  }));
}

// All that is said of each option.
export function choices(made, level) {
  return finish(choosing(made, level));
}

export function* choosing(made, level) {
  const { n } = made.world;
  const found = [];
  for (const [k, said] of headlines(made, level).entries()) {
    const run = made.runs[k];
    const multiple = computeMultiplier(made.world.law, made.start.loss, run.loss);
    const passes = each(n, (i) => Math.max(run.tokens[i] / run.unique[i], 1));
    const worth = each(n, (i) => run.method[i] * run.data[i]);
    const share = (holds) => mean(each(n, (i) => (holds(i) ? 1 : 0)));
    found.push({
      ...said, worth: spread(worth, level), flops: spread(run.flops, level), params: spread(run.params, level),
      tokens: spread(run.tokens, level), unique: spread(run.unique, level), epochs: spread(passes, level),
      little: share((i) => multiple[i] < made.facts.little),
      unused: said.option.effect === "data_gain" ? share((i) => run.data[i] === 1) : 0,
    });
    yield;
  }
  return found;
}

// The plan without the budget.
export function baseline({ start, world: { n } }, level) {
  const epochs = each(n, (i) => Math.max(start.tokens[i] / start.unique[i], 1));
  return {
    ...Object.fromEntries(["flops", "params", "tokens", "loss"].map((name) => [name, spread(start[name], level)])),
    epochs: spread(epochs, level),
    limited: mean(each(n, (i) => (start.tokens[i] > start.unique[i] ? 1 : 0))),
  };
}

// Mean gains along the sum spent on each option alone: [[{ usd, gain }, …] by option].
export function* returns(made, count) {
  const world = takeWorld(made.world, count);
  const start = planned(world);
  const curves = [];
  for (const option of made.options) {
    const curve = [];
    for (const times of made.facts.multiples) {
      const usd = made.budget * times;
      curve.push({ usd, gain: mean(gains(world, start, spent(world, made.options, { [option.name]: usd }))) });
      yield;
    }
    curves.push(curve);
  }
  return curves;
}

export function gainAt(curve, usd) {
  return interpolate(Math.log(usd), curve.map((point) => Math.log(point.usd)), curve.map((point) => point.gain));
}

// Each unknown at its outer quantiles with the others drawn, the widest swing of the lead first.
export function* tornado(made, count) {
  const world = takeWorld(made.world, count);
  const swings = [];
  for (const one of made.open) {
    const values = made.facts.outer.map((q) => quantileOf(one, q, made.facts.tail));
    const leads = [];
    for (const value of values) {
      leads.push(leadOf(made, holdWorld(world, one.name, value)));
      yield;
    }
    swings.push(swing(one.name, values, leads));
  }
  if (made.lawOpen) {
    const laws = made.facts.outer.map((q) => drawLaw(made.source, new Float64Array(world.n).fill(q)));
    const leads = [];
    for (const law of laws) {
      leads.push(leadOf(made, withLaw(world, law)));
      yield;
    }
    swings.push({
      ...swing(LAW, laws.map((law) => frontierSlope(made.source.members[law.member[0]])), leads),
      laws: laws.map((law) => made.source.members[law.member[0]].name),
    });
  }
  return swings.sort((a, b) => Math.abs(b.leads[1] - b.leads[0]) - Math.abs(a.leads[1] - a.leads[0]));
}

function leadOf(made, world) {
  const start = planned(world);
  const means = made.options.map((option) =>
    mean(gains(world, start, spent(world, made.options, { [option.name]: made.budget }))));
  const others = means.filter((_, k) => k !== made.best);
  return { mine: means[made.best], lead: means[made.best] - (others.length ? Math.max(...others) : 0), top: indexOfMax(means) };
}

function swing(name, values, leads) {
  return {
    unknown: name, values, gains: leads.map((one) => one.mine), leads: leads.map((one) => one.lead),
    best: leads.map((one) => one.top),
  };
}

// What knowing is worth: each unknown alone, all that an option would bring, and everything. curve: of the best option.
export function* worths(made, curve) {
  const groups = new Map(made.open.map((one) => [one.name, binsOf(made.draws.shares(one.name), made.facts)]));
  if (made.lawOpen) groups.set(LAW, made.world.law.member);
  const found = [];
  for (const [name, of] of groups) {
    const worth = worthOf(made, name, informationOn(made.falls, of, made.facts.sure), curve);
    const unknown = made.open.find((one) => one.name === name);
    found.push({ ...worth, turn: worth.value > 0 && unknown ? turnOf(made, unknown, of) : null });
    yield;
  }
  const altogether = [];
  for (const [k, option] of made.options.entries()) {
    const worth = each(made.world.n, (i) => made.runs[k].method[i] * made.runs[k].data[i]);
    if (worth.every((value) => value === worth[0])) continue;
    const order = Array.from(worth.keys()).sort((a, b) => worth[a] - worth[b] || a - b);
    const ranks = new Float64Array(worth.length);
    order.forEach((draw, rank) => { ranks[draw] = (rank + 0.5) / worth.length; });
    const information = informationOn(made.falls, binsOf(ranks, made.facts), made.facts.sure);
    altogether.push(worthOf(made, option.name, information, curve));
    yield;
  }
  const dearest = (a, b) => b.value - a.value;
  return {
    each: found.sort(dearest), altogether: altogether.sort(dearest),
    everything: worthOf(made, "everything", perfectInformation(made.falls), curve),
  };
}

// Information with the dollars that bring as much when added to today's best option; null beyond ten budgets.
function worthOf(made, name, information, curve) {
  const wanted = gainAt(curve, made.budget) + information.value;
  let top = -Infinity;
  const reached = curve.map((point) => { top = Math.max(top, point.gain); return top; });
  if (information.value <= 0) return { name, ...information, usd: 0 };
  if (wanted > top) return { name, ...information, usd: null };
  const usd = Math.exp(interpolate(wanted, reached, curve.map((point) => Math.log(point.usd))));
  return { name, ...information, usd: Math.max(usd - made.budget, 0) };
}

// The value at which the best option changes, if it does so once: { value, below, above }, options by index.
function turnOf(made, unknown, groups) {
  const best = choicesByGroup(made.falls, groups);
  const changes = best.flatMap((option, k) => (k && option !== best[k - 1] ? [k] : []));
  if (changes.length !== 1) return null;
  const at = changes[0];
  return { value: quantileOf(unknown, at / best.length, made.facts.tail), below: best[at - 1], above: best[at] };
}

// The split of the budget with the largest expected gain, over a grid of shares on the first draws.
export function* mixture(made, count, most) {
  const parts = made.options.length;
  const steps = [10, 8, 6, 5, 4, 3, 2, 1].find((s) => s === 1 || simplex(parts, s).length <= most);
  const ways = simplex(parts, steps);
  const few = takeWorld(made.world, count);
  const before = planned(few);
  const means = [];
  for (const way of ways) {
    means.push(mean(gains(few, before, spent(few, made.options, dollars(made, way)))));
    yield;
  }
  const top = indexOfMax(means);
  const near = ways.filter((_, i) => means[i] >= means[top] - made.facts.nearly * Math.abs(means[top]));
  const mixed = gains(made.world, made.start, spent(made.world, made.options, dollars(made, ways[top])));
  const single = made.falls[made.best];
  return {
    shares: ways[top], step: 1 / steps, fall: spread(mixed, made.facts.level),
    within: made.options.map((_, k) => [Math.min(...near.map((way) => way[k])), Math.max(...near.map((way) => way[k]))]),
    better: mean(each(made.world.n, (i) => (mixed[i] > single[i] ? 1 : 0))),
  };
}

function dollars(made, way) {
  return Object.fromEntries(made.options.map((option, k) => [option.name, way[k] * made.budget]));
}

// All steps of a generator at once.
export function finish(steps) {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
