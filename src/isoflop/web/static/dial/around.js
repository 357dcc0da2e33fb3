// What surrounds a run: scores on benchmarks, the stock of text, and the year in which a frontier laboratory is there.

const Z = 1.2815515655446004; // standard normal quantile at 0.9: intervals hold 80 %
const NEAR_CHANCE = 0.1;

function logistic(z) {
  return 1 / (1 + Math.exp(-z));
}

// A skill law of capability.skill in log10 C: g + (u - g) / (1 + exp(-s (x - m))), at most 1.
export function skill(law, chance, x) {
  const top = law.u ?? 1;
  return Math.min(chance + (top - chance) * logistic(law.s * (x - law.m)), 1);
}

// The mean of both curves; its interval holds their difference and the scatter of models, which is less near chance.
export function score(task, C) {
  const x = Math.log10(C);
  const curves = [skill(task.sigmoid, task.chance, x), skill(task.logistic, task.chance, x)];
  const mean = (curves[0] + curves[1]) / 2;
  const top = ((task.sigmoid.u ?? 1) + (task.logistic.u ?? 1)) / 2;
  const grown = Math.min(1, Math.max(0, (mean - task.chance) / (top - task.chance)) / NEAR_CHANCE);
  const scatter = task.scatter[0] + (task.scatter[1] - task.scatter[0]) * grown;
  const half = Z * Math.hypot((curves[0] - curves[1]) / 2, scatter);
  return { value: mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half) };
}

// Each quantile is one of the draws, so that a year that never comes stays one.
function quantile(sorted, p) {
  return sorted[Math.max(0, Math.ceil(p * sorted.length - 1e-9) - 1)];
}

function spread(draws, level) {
  const sorted = draws.sort();
  const tail = (1 - level) / 2;
  return { low: quantile(sorted, tail), value: quantile(sorted, 0.5), high: quantile(sorted, 1 - tail) };
}

// The years in which the line of typical frontier runs, and the largest run, reach C (outlook.frontier).
export function years(frontier, C, level) {
  const power = Math.log10(C);
  const count = frontier.level.length;
  const line = new Float64Array(count);
  const largest = new Float64Array(count);
  for (let k = 0; k < count; k += 1) {
    const slope = frontier.slope[k];
    line[k] = slope > 0 ? frontier.origin + (power - frontier.level[k]) / slope : Infinity;
    const year = slope > 0 ? frontier.since + (power - frontier.largest[k]) / slope : Infinity;
    largest[k] = Math.max(year, frontier.since);
  }
  return { line: spread(line, level), largest: spread(largest, level) };
}

// Distinct tokens as a share of the stock of useful public text.
export function shareOfStock(tokens, stock) {
  const [low, middle, high] = stock.tokens;
  return { value: tokens / middle, low: tokens / high, high: tokens / low };
}
