// Both ends of a central interval at once.

import { quantileInPlace } from "../core/stats.js";

// The quantiles (1 - level)/2 and (1 + level)/2 of an array that it may put in another order, into found[0] and found[1].
// What lies below the first need not be looked at again for the second.
export function quantilesInPlace(values, level, found) {
  const last = values.length - 1;
  found[0] = quantileInPlace(values, (1 - level) / 2);
  const done = Math.floor(((1 - level) / 2) * last);
  found[1] = quantileInPlace(values.subarray(done), last > done ? (((1 + level) / 2) * last - done) / (last - done) : 0);
  return found;
}
