// What loss buys, as isoflop.capability computes it: metrics of one answer, readings, attempts, trades.

// p^L: every one of L tokens is right.
export function exactMatch(p, tokens) {
  return p ** tokens;
}

// Of a rise from first to last, the largest part between neighbours. Values in order of training.
export function largestStep(values) {
  const range = Math.max(...values) - Math.min(...values);
  if (range === 0) return 0;
  return Math.max(...values.slice(1).map((value, k) => Math.abs(value - values[k]))) / range;
}

// The compute-optimal N, D and loss of a law E + A/N^alpha + B/D^beta at C = 6 N D (Hoffmann et al. 2022, equation 4).
export function optimal({ E, A, alpha, B, beta }, flops) {
  const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
  const N = G * (flops / 6) ** (beta / (alpha + beta));
  const D = flops / 6 / N;
  return { N, D, loss: E + A / N ** alpha + B / D ** beta };
}

// The score at a loss by an S-curve { chance, m, s, u } in minus loss.
export function skillAt({ chance, m, s, u }, loss) {
  return Math.min(chance + (u - chance) / (1 + Math.exp(-s * (-loss - m))), 1);
}

// Times a fact must be read until a share of facts is known, guesses not counted, by a rise { middle, spread, chance } in
// ln readings; and the recall after some readings, with the guesses.
export function readingsFor({ middle, spread }, share) {
  return Math.exp(middle + spread * Math.log(share / (1 - share)));
}

export function recallAfter({ middle, spread, chance }, times) {
  return chance + (1 - chance) / (1 + Math.exp(-(Math.log(times) - middle) / spread));
}

// ln Γ(x), x > 0, to 1e-14: Stirling's series above 10, the recurrence below it.
export function logGamma(x) {
  let shift = 0;
  let z = x;
  while (z < 10) {
    shift += Math.log(z);
    z += 1;
  }
  const i = 1 / z;
  const j = i * i;
  const series = i * (1 / 12 - j * (1 / 360 - j * (1 / 1260 - j * (1 / 1680 - j * (1 / 1188 - (j * 691) / 360360)))));
  return (z - 0.5) * Math.log(z) - z + 0.91893853320467274178 + series - shift;
}

// pass@k without bias, of n attempts of which c succeeded (Chen et al. 2021, equation 1).
export function passAtK(n, c, k) {
  if (n - c < k) return 1;
  let stay = 1;
  for (let i = 0; i < k; i += 1) stay *= (n - c - i) / (n - i);
  return 1 - stay;
}

// Counts as a reader pastes them, "successes/attempts" a line: { counts: [{ n, c }], bad: the first line that is none }.
export function readCounts(text) {
  const counts = [];
  for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const found = /^(\d{1,7})\s*[\/,;\s]\s*(\d{1,7})$/.exec(line);
    const [c, n] = found ? [Number(found[1]), Number(found[2])] : [1, 0];
    if (n < 1 || c > n) return { counts: [], bad: line };
    counts.push({ n, c });
  }
  return { counts, bad: "" };
}

// Mean pass@k over problems; k at most the fewest attempts of any.
export function measuredAtK(counts, k) {
  return counts.reduce((sum, { n, c }) => sum + passAtK(n, c, k), 0) / counts.length;
}

// Expected pass@k where problems differ: p spread as Beta(a, b), a share never solved.
export function coverage({ a, b, never }, k) {
  const logBeta = (y) => logGamma(a) + logGamma(y) - logGamma(a + y);
  return (1 - never) * -Math.expm1(logBeta(b + k) - logBeta(b));
}

// Attempts after which a success of this probability has been seen with so much confidence.
export function attemptsToSee(p, confidence) {
  return Math.max(1, Math.ceil(Math.log1p(-confidence) / Math.log1p(-p)));
}

// The cheapest degree of a technique between none and all of it, and its curve: isoflop.capability.trade.best_trade.
export function bestTrade(demand, by, steps) {
  const [a, b] = by.starts_trained ? [by.training, by.inference] : [-by.training, -by.inference];
  const spent = [demand.training / demand.train_use, demand.serving / demand.serve_use];
  const wanted = Math.log10((Math.abs(a) * spent[0]) / (Math.abs(b) * spent[1])) / (a + b);
  const t = Math.min(Math.max(wanted, 0), 1);
  const at = (part) => ({ training: demand.training * 10 ** (-a * part), serving: demand.serving * 10 ** (b * part) });
  const best = at(t);
  const cost = best.training / demand.train_use + best.serving / demand.serve_use;
  const curve = Array.from({ length: steps }, (_, k) => at(k / (steps - 1)));
  return { name: by.name, ...best, cost, saving: 1 - cost / (spent[0] + spent[1]), atEnd: wanted > 1, curve };
}
