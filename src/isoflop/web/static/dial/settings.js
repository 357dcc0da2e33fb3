// Where the dials stand, as the link says it.

import { choiceFrom, numberFrom } from "../core/state.js";
import { BASES } from "./bill.js";
import { HIGHEST, LOWEST } from "./model.js";

export const MODES = [["compute", "Compute"], ["money", "Dollars"], ["machines", "GPUs × days"], ["sizes", "N and D"]];

// Ranges of the dials: [smallest, largest, usual].
export const RANGES = {
  C: [LOWEST, HIGHEST, 1e24],
  usd: [1, 1e11, 1e6],
  gpus: [1, 1e6, 1024],
  days: [0.05, 730, 30],
  N: [1e5, 1e14, 7e10],
  D: [1e7, 1e16, 1.4e12],
  over: [0.1, 100, 1],
  served: [0, 1e17, 0],
  unique: [0, 1e16, 0],
  mfu: [0, 0.7, 0],
};
export const FEWEST_SERVED = 1e9; // the slider's low end stands for none
export const MOST_UNIQUE = 1e16; // its high end for no limit
export const FEWEST_UNIQUE = 1e8;

export function defaultsOf(data) {
  const usual = Object.fromEntries(Object.entries(RANGES).map(([name, range]) => [name, range[2]]));
  return { mode: "compute", basis: "rental", chip: data.machines[0].key, law: data.laws[0].key, ...usual };
}

export function settingsFrom(params, data) {
  const usual = defaultsOf(data);
  const numbers = Object.entries(RANGES).map(([name, [min, max]]) =>
    [name, numberFrom(params, name, { min, max, usual: usual[name] })]);
  return {
    ...Object.fromEntries(numbers),
    gpus: Math.round(numberFrom(params, "gpus", { min: 1, max: RANGES.gpus[1], usual: usual.gpus })),
    mode: choiceFrom(params, "mode", MODES.map(([key]) => key), usual.mode),
    basis: choiceFrom(params, "basis", BASES.map(([key]) => key), usual.basis),
    chip: choiceFrom(params, "chip", data.machines.map((machine) => machine.key), usual.chip),
    law: choiceFrom(params, "law", data.laws.map((law) => law.key), usual.law),
  };
}

const OWN = { compute: ["C"], money: ["usd", "basis"], machines: ["gpus"], sizes: ["N", "D"] };
const NOT_IN_SIZES = ["over", "served"];

// What a link has to say: the dials that the mode uses, four digits each.
export function linkOf(settings) {
  const others = Object.entries(OWN).filter(([mode]) => mode !== settings.mode).flatMap(([, names]) => names);
  const left = new Set([...others, ...(settings.mode === "sizes" ? NOT_IN_SIZES : [])]);
  const said = Object.entries(settings).filter(([name]) => !left.has(name));
  return Object.fromEntries(said.map(([name, value]) => [name, typeof value === "number" ? short(value) : value]));
}

// What need not be said, for such settings.
export function unsaid(settings, data) {
  const usual = defaultsOf(data);
  return { ...linkOf({ ...usual, mode: settings.mode }), mode: usual.mode };
}

function short(value) {
  const rounded = Number(value.toPrecision(4));
  return rounded >= 1e6 ? rounded.toExponential().replace("e+", "e") : String(rounded);
}
