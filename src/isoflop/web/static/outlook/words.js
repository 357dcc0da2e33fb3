// Amounts and years as the outlook writes them.

import { yearMonth } from "../core/format.js";

export function plainFlops(value) {
  return `${value.toExponential(0).replace("+", "")} FLOP`;
}

export function betweenYears({ largest, typical }) {
  if (!Number.isFinite(largest.middle) || !Number.isFinite(typical.middle)) return "no foreseeable year";
  const [first, last] = [largest.middle, typical.middle].map(Math.floor).sort((a, b) => a - b);
  return first < last ? `${first} to ${last}` : String(first);
}

export function range({ low, middle, high }, withMiddle = true) {
  return `${withMiddle ? `${yearMonth(middle)} ` : ""}[${yearMonth(low)}, ${yearMonth(high)}]`;
}
