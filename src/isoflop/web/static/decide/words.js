// A decision in words, as isoflop.planning.decide_words writes it. all: { made, asked, choices, baseline, curves, worth,
// swings, split, law: { what, how } }.

import { count, exponent, money } from "../core/format.js";
import { LAW } from "./unknowns.js";
import { gainAt } from "./model.js";

// As Python's "g" writes it with so many digits.
export function general(value, digits = 3) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const [head, power] = exponent(value, digits - 1).split("e");
  if (Number(power) >= -4 && Number(power) < digits) return String(Number(value.toPrecision(digits)));
  return `${head.includes(".") ? head.replace(/\.?0+$/, "") : head}e${power}`;
}

// How many times as much, as isoflop.units.format_ratio writes it: 0.25, 4,900, 72.9M.
export function ratio(value) {
  const rounded = Math.abs(Number(value.toPrecision(3)));
  if (rounded >= 1e6) return count(value);
  return rounded >= 1e3 ? String(Number(value.toPrecision(3))).replace(/\B(?=(\d{3})+$)/g, ",") : general(value);
}

export function share(p) {
  const tens = 100 * p;
  const down = Math.floor(tens);
  return `${tens - down === 0.5 ? down + (down % 2) : Math.round(tens)} %`;
}

export function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

const ONE = { months: "month", orders: "order", passes: "pass" };

export function saidValue(unknown, value) {
  if (unknown.unit === "$") return money(value);
  const number = count(value);
  return `${number} ${number === "1" ? ONE[unknown.unit] ?? unknown.unit : unknown.unit}`.trimEnd();
}

export function fallText(fall) {
  return `${fall.mean.toFixed(4)} [${fall.low.toFixed(4)}, ${fall.high.toFixed(4)}]`;
}

export function planText({ asked, baseline }) {
  const given = asked.plan.usd ? ` for ${money(asked.plan.usd)}` : "";
  const have = asked.plan.tokens_available;
  const limit = have ? `, ${count(have)} of them distinct (${ratio(baseline.epochs.median)} passes)` : "";
  const sizes = `N = ${count(baseline.params.median)} on ${count(baseline.tokens.median)} tokens${limit}`;
  return `${exponent(baseline.flops.median, 2)} FLOP${given}, ${sizes}`.replace("e+", "e");
}

export function choiceText({ made, split }) {
  const { label } = made.options[made.best];
  const shares = split.shares.flatMap((p, k) => (p > 0 ? [`${share(p)} ${made.options[k].label}`] : []));
  if (shares.length === 1) return `Choose ${label}; no split of the budget does better.`;
  return `Choose ${label}. The best split, ${shares.join(", ")}, makes the loss fall by ${fallText(split.fall)}, `
    + `further in ${share(split.better)} of the draws.`;
}

// Dollars that bring as much.
export function dollarsText(worth) {
  if (worth.usd === null) return "more than ten times the budget would bring";
  return `as much as ${money(Number(worth.usd.toPrecision(2)))} more`;
}

export function whatAndHow({ made, law }, name) {
  const unknown = made.unknowns.find((one) => one.name === name);
  return name === LAW || !unknown ? law : unknown;
}

// The first of the worths that has one, or null: the one thing to find out first.
export function firstOf({ worth }) {
  return worth.each.length && worth.each[0].value > 0 ? worth.each[0] : null;
}

export function firstText(all) {
  const { made, worth } = all;
  const { label } = made.options[made.best];
  const first = firstOf(all);
  const whole = worth.everything;
  if (!first && whole.value <= 0) return `Nothing: ${label} is best whatever the unknowns turn out to be.`;
  if (!first) {
    return `No single thing: no unknown alone changes the choice of ${label}. Knowing all of them is worth `
      + `${nats(whole.value)}, ${dollarsText(whole)}.`;
  }
  const { what, how } = whatAndHow(all, first.name);
  return `${capital(what)} (${first.name}). Knowing it is worth ${nats(first.value)}, ${dollarsText(first)} for ${label}; `
    + `all unknowns together, ${dollarsText(whole)}. ${turnText(all, first)}${tieText(all)} How: ${how}.`;
}

function nats(value) {
  return `${general(value, 2)} nats a token`;
}

function tieText({ made, worth }) {
  const [first, second] = worth.each;
  const sure = second && made.facts.tied * Math.sqrt(first.error ** 2 + second.error ** 2);
  return second && second.value >= first.value - sure ? ` Knowing ${second.name} is worth as much.` : "";
}

export function turnText({ made, swings }, worth) {
  const unknown = made.unknowns.find((one) => one.name === worth.name);
  const label = (k) => made.options[k].label;
  if (worth.turn && unknown) {
    const { value, below, above } = worth.turn;
    return `Below ${saidValue(unknown, value)} ${label(below)} is best, above it ${label(above)}.`;
  }
  const swing = swings.find((one) => one.unknown === worth.name);
  if (!swing || swing.best[0] === swing.best[1]) return "The choice turns at its ends.";
  const [low, high] = saidSwing(made, swing);
  return `At ${low} ${label(swing.best[0])} is best, at ${high} ${label(swing.best[1])}.`;
}

// The two values of a swing, in words.
export function saidSwing(made, swing) {
  const unknown = made.unknowns.find((one) => one.name === swing.unknown);
  return unknown
    ? swing.values.map((value) => saidValue(unknown, value))
    : swing.values.map((slope, k) => `L - E ~ C^-${slope.toFixed(3)} (${swing.laws[k]})`);
}

// What would improve, and what would not: [sentence, sentence] for the option at index k.
export function predictionText(all, k) {
  const choice = all.choices[k];
  const say = { flops, progress, data_gain, unique_tokens, inference, compute_gain: progress }[choice.option.effect];
  return say(choice, all, `twice the sum brings ${ratio(doubling(all, k))}× as much`);
}

// Gain of twice the budget over that of the budget.
export function doubling({ made, curves }, k) {
  const here = gainAt(curves[k], made.budget);
  return here > 0 ? gainAt(curves[k], 2 * made.budget) / here : 1;
}

function range(value, write) {
  return `${write(value.median)} [${write(value.low)}, ${write(value.high)}]`;
}

function times(value) {
  return range(value, (x) => `${ratio(x)}×`);
}

function flops(choice, { made, baseline: start }, twice) {
  const sizes = [["N", start.params, choice.params], ["D", start.tokens, choice.tokens]]
    .map(([symbol, before, after]) => `${symbol} from ${count(before.median)} to ${count(after.median)}`).join(" and ");
  const again = choice.epochs.median > made.facts.seen_again
    ? `, tokens are seen ${ratio(choice.epochs.median)} times instead of ${ratio(start.epochs.median)}`
    : "";
  const served = choice.params.median / start.params.median;
  return [
    `The loss falls by ${fallText(choice.fall)}: ${ratio(choice.flops.median / start.flops.median)}× the compute, ${sizes}.`,
    `An answer costs ${ratio(served)}× as much to serve${again}, and what a FLOP or a token is worth stays; ${twice}.`,
  ];
}

function progress(choice, _, twice) {
  return [
    `The same compute works like ${times(choice.worth)} of it, so the loss falls by ${fallText(choice.fall)} at about `
      + `the same cost to serve.`,
    `In ${share(choice.little)} of the draws that is worth less than 5 % more compute, and the amount of compute and `
      + `what the data hold stay; ${twice}.`,
  ];
}

function data_gain(choice, _, twice) {
  const why = choice.unused > 0
    ? `in ${share(choice.unused)} of the draws the filter would leave too few tokens and goes unused`
    : `in ${share(choice.little)} of the draws it is worth less than 5 % more compute`;
  return [
    `A token is worth ${times(choice.worth)} of today's, so the loss falls by ${fallText(choice.fall)} on text like that which is kept.`,
    `What the kept text lacks does not improve, and ${why}; ${twice}.`,
  ];
}

function unique_tokens(choice, { asked, baseline: start }, twice) {
  const have = asked.plan.tokens_available;
  if (!have || start.limited === 0) {
    const enough = have ? `${count(have)} are at hand` : "no limit of distinct tokens is given";
    return [
      `Nothing: the run sees ${count(start.tokens.median)} tokens, once each, and ${enough}.`,
      "Loss, size and cost to serve stay; more tokens count once some would be repeated.",
    ];
  }
  const seen = `a token is seen ${ratio(choice.epochs.median)} times instead of ${ratio(start.epochs.median)}`;
  return [
    `Distinct tokens go from ${count(have)} to ${range(choice.unique, count)}, so the loss falls by ${fallText(choice.fall)}: ${seen}.`,
    `Compute and method stay, and once nothing is repeated more tokens add nothing; ${twice}.`,
  ];
}

function inference(choice) {
  return [
    `Answers improve as though training had ${times(choice.worth)} of the compute, where thinking longer helps at `
      + `all: as much as ${fallText(choice.fall)} of loss.`,
    "The loss itself does not fall, answers take longer and cost more, and the exchange must be measured on your own tasks.",
  ];
}

