// What the dial says: figures with their intervals, and what makes them doubtful.

import { count, duration, fixed, flops, money, percent } from "../core/format.js";

export const LEVEL = "80 %";

export function between(range, write) {
  if (!Number.isFinite(range.low) || !Number.isFinite(range.high) || range.low === range.high) return "";
  const [low, high] = [write(range.low), write(range.high)];
  return low === high ? "" : `${LEVEL}: ${low} to ${high}`;
}

export function kilowattHours(kwh) {
  const [unit, scale] = [["TWh", 1e9], ["GWh", 1e6], ["MWh", 1e3]].find(([, size]) => kwh >= size) ?? ["kWh", 1];
  return `${count(kwh / scale)} ${unit}`;
}

export function time(seconds) {
  return seconds >= 2 * 365.25 * 86400 ? `${count(seconds / (365.25 * 86400))} years` : duration(seconds);
}

export function share(value) {
  if (value < 1e-4) return "under 0.01 %";
  return value >= 10 ? `${count(value)} times` : percent(value, 2);
}

export function points(value) {
  return `${Math.round(100 * value)} %`;
}

export function year(value, start) {
  if (!Number.isFinite(value)) return "never";
  return value < start ? `before ${Math.ceil(start)}` : String(Math.floor(value));
}

export function years(range, start) {
  const low = year(range.low, start);
  const high = year(range.high, start);
  return low === high ? "" : `${LEVEL}: ${low} to ${high}`;
}

export function dollars(usd) {
  return usd < 0.01 ? "under 1 cent" : usd < 1 ? `${fixed(100 * usd, 0)} cents` : money(usd);
}

// One sentence for those who listen rather than look.
export function summary(r) {
  const band = Number.isFinite(r.loss.low) ? `, between ${fixed(r.loss.low)} and ${fixed(r.loss.high)} with ${LEVEL}` : "";
  return `${flops(r.C, 3)}: ${count(r.N)} parameters on ${count(r.D)} tokens, loss ${fixed(r.loss.loss)} nats per token${band}.`;
}

// What the reader should know before believing the figures: [{ text, calm }]; calm: nothing to worry about.
export function doubts(r, settings, data) {
  return [...ofLaw(r), ...ofSize(r, settings), ...ofData(r, data), ...ofMachines(r, settings)];
}

function ofLaw({ law, beyond }) {
  const found = [];
  const band = law.knowsDoubt ? " The band is widened for that." : "";
  if (beyond && beyond.side === "above") {
    found.push({ text: `Past the data: ${count(beyond.factor, 2)} times the compute of the largest run behind this law, ${flops(law.seen[1])}.${band}` });
  } else if (beyond && beyond.side === "below") {
    found.push({ text: `Below the data: the smallest run behind this law took ${count(beyond.factor, 2)} times this compute, ${flops(law.seen[0])}.${band}` });
  } else if (beyond) {
    found.push({ text: `Within the data: the runs behind this law took ${flops(law.seen[0])} to ${flops(law.seen[1])}.`, calm: true });
  }
  if (!law.knowsDoubt) found.push({ text: "The source of this law states no range of its runs, so no interval can be given." });
  if (law.convention !== "total") found.push({ text: "This law counts parameters without embeddings.", calm: true });
  return found;
}

function ofSize(r, settings) {
  const found = [];
  const off = Math.max(r.N / r.best, r.best / r.N);
  if (settings.mode === "sizes" && off > 2) {
    found.push({ text: `${count(off, 2)} times as ${r.N > r.best ? "large" : "small"} as is best for this compute, ${count(r.best)} parameters.`, calm: true });
  }
  if (r.servingHours > 0) {
    const times = count(r.servingHours / r.hours.value, 2);
    found.push({ text: `Serving takes ${times} times the chip-hours of training; the size is the best one when both are paid.`, calm: true });
  }
  return found;
}

function ofData(r, data) {
  const found = [];
  if (r.epochs > 1.005) {
    found.push({ text: `Each token is seen ${count(r.epochs, 2)} times. Up to about 4 times costs little; after some 40 `
      + "more passes teach next to nothing (Muennighoff et al. 2023)." });
  }
  if (r.stock.value > 0.5) {
    const [low, middle, high] = data.stock.tokens;
    found.push({ text: `Useful public text is estimated at ${count(middle)} tokens (${LEVEL}: ${count(low)} to ${count(high)}); `
      + `this run wants ${share(r.stock.value)} of it.` });
  }
  return found;
}

function ofMachines(r, settings) {
  const { machine } = r;
  const found = [];
  if (settings.mode === "money" && !machine.costs[settings.basis]) {
    found.push({ text: `No such price of ${machine.key} is known; the compute stays as it was. Choose another basis or accelerator.` });
  }
  if (machine.shipped?.complete && r.devices > 0.1 * machine.shipped.units) {
    found.push({ text: `By ${machine.shipped.date} about ${count(machine.shipped.units, 2)} chips of this kind had been shipped in all.` });
  }
  return found;
}
