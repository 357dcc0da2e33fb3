// What a reader may set: budget, plan, options and assumptions; how they go into a link, and what the model is asked.

import { choiceFrom, numberFrom } from "../core/state.js";
import { gradesOf, readPools, shortPools } from "./pools.js";
import { quantileOf } from "./unknowns.js";

export const PLANS = [["same", "the same sum"], ["usd", "another sum"], ["flops", "compute"], ["size", "size and tokens"]];
export const RANGES = {
  budget: [1e4, 1e9], usd: [1e4, 1e11], flops: [1e18, 1e28], params: [1e7, 1e13], tokens: [1e9, 1e15],
  available: [1e9, 1e15],
};
export const USUAL = {
  budget: 1e6, plan: "same", usd: 1e7, flops: 1e24, params: 7e9, tokens: 2e12, limited: "no", available: 3e11,
  progress: "halving", repeats: "decay", law: "all", data: "whole", pools: "best 100B 2.0;good 300B 1.2;rest 600B 0.7",
};
const CHOICES = {
  plan: PLANS.map(([key]) => key), limited: ["no", "yes"], progress: ["halving", "scale_dependent"],
  repeats: ["decay", "half_life"], data: ["whole", "pools"],
};

// Where the handle of an unknown's slider may go: the quantiles at which draws stop; about prices seen, twice as far.
export function reach(unknown, tail) {
  if (unknown.seen.length) return [unknown.low / 2, unknown.high * 2];
  return [quantileOf(unknown, 0, tail), quantileOf(unknown, 1, tail)];
}

// A setting out of a link: { …USUAL, options: [names], middles: { name: value }, known: Set of names }.
export function settingFrom(params, facts) {
  const setting = { middles: {}, known: new Set() };
  for (const [name, usual] of Object.entries(USUAL)) {
    if (RANGES[name]) setting[name] = numberFrom(params, name, { min: RANGES[name][0], max: RANGES[name][1], usual });
    else if (name === "pools") setting.pools = poolsFrom(params, usual);
    else if (name === "law") setting.law = choiceFrom(params, "law", facts.laws.map((law) => law.name), usual);
    else setting[name] = choiceFrom(params, name, CHOICES[name], usual);
  }
  const named = (params.options ?? "").split(",");
  const options = facts.options.filter((one) => (params.options ? named.includes(one.name) : !one.asked));
  setting.options = (options.length ? options : facts.options.filter((one) => !one.asked)).map((one) => one.name);
  for (const one of facts.unknowns) {
    const text = params[one.name];
    if (text === undefined) continue;
    const known = text.endsWith("!");
    const [min, max] = reach(one, facts.tail);
    setting.middles[one.name] = numberFrom({ x: known ? text.slice(0, -1) : text }, "x", { min, max, usual: one.middle });
    if (known) setting.known.add(one.name);
  }
  return setting;
}

function poolsFrom({ pools }, usual) {
  try {
    readPools(pools);
    return shortPools(pools);
  } catch {
    return usual;
  }
}

// The pools that count: { option: [pools] }, empty where the data are taken as a whole or nothing limits them.
export function poolsOf(setting, facts) {
  const graded = setting.data === "pools" && setting.limited === "yes"
    ? facts.options.filter((one) => one.effect === "data_gain" && setting.options.includes(one.name)) : [];
  return Object.fromEntries(graded.map((one) => [one.name, readPools(setting.pools)]));
}

// The options weighed, with the grades of those that have pools.
export function optionsOf(setting, facts) {
  const pools = poolsOf(setting, facts);
  return facts.options.filter((one) => setting.options.includes(one.name)).map(
    (one) => ({ ...one, grades: pools[one.name] ? gradesOf(pools[one.name]) : null }),
  );
}

export function linkOf(setting, facts) {
  const params = Object.fromEntries(Object.keys(USUAL).map((name) => [name, said(setting[name])]));
  const usual = facts.options.filter((one) => !one.asked).map((one) => one.name);
  if (setting.options.join() !== usual.join()) params.options = setting.options.join();
  for (const one of facts.unknowns) {
    const middle = setting.middles[one.name] ?? one.middle;
    if (setting.known.has(one.name)) params[one.name] = `${said(middle)}!`;
    else if (middle !== one.middle) params[one.name] = said(middle);
  }
  return params;
}

function said(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
}

export function planOf(setting) {
  const limit = setting.limited === "yes" ? { tokens_available: setting.available } : {};
  const run = {
    same: { usd: setting.budget }, usd: { usd: setting.usd }, flops: { flops: setting.flops },
    size: { params: setting.params, tokens: setting.tokens },
  }[setting.plan];
  return { ...run, ...limit };
}

// The command that asks the same of the terminal: [command, names of the unknowns that a file must hold].
export function commandOf(setting, facts) {
  const plain = (value) => String(Number(value.toPrecision(4)));
  const parts = [`isoflop decide --budget '$${plain(setting.budget)}'`];
  if (setting.plan === "usd") parts.push(`--baseline '$${plain(setting.usd)}'`);
  if (setting.plan === "flops") parts.push(`--baseline ${plain(setting.flops)}`);
  if (setting.plan === "size") parts.push(`--baseline N=${plain(setting.params)},D=${plain(setting.tokens)}`);
  if (setting.limited === "yes") parts.push(`--tokens-available ${plain(setting.available)}`);
  const usual = facts.options.filter((one) => !one.asked).map((one) => one.name);
  if (setting.options.join() === [...usual, "inference"].join()) parts.push("--with-inference");
  else if (setting.options.join() !== usual.join()) parts.push(...setting.options.map((name) => `--option ${name}`));
  if (setting.law !== "all") parts.push(`--law ${setting.law}`);
  if (setting.progress !== "halving") parts.push(`--progress ${setting.progress}`);
  if (setting.repeats !== "decay") parts.push(`--repeats ${setting.repeats}`);
  const rows = [];
  for (const one of facts.unknowns) {
    const middle = setting.middles[one.name] ?? one.middle;
    if (setting.known.has(one.name)) parts.push(`--know ${one.name}=${plain(middle)}`);
    else if (middle !== one.middle && one.row) rows.push(one.name);
  }
  if (rows.length || Object.keys(poolsOf(setting, facts)).length) parts.push("--option-file mine.toml");
  return [parts.join(" "), rows];
}
