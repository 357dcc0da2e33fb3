// The dial's reckoning: settings in, everything that is shown out. No document here, so that tests can run it.

import { score, shareOfStock, years } from "./around.js";
import { chipHours, costs, devicesFor, energy, flopsOfHours, hoursForMoney, utilisation } from "./bill.js";
import { FLOPS_PER_PARAM_TOKEN, makeLaw } from "./law.js";
import { quantilesInPlace } from "./order.js";
import { bestSize, bestSizesOfDraws, fallingRoot } from "./split.js";

export const LOWEST = 1e15;
export const HIGHEST = 1e29;
const CURVE_POINTS = 29; // half a decade apart: drawn with monotone curves between
const PATH_FROM = 11; // log10 of compute: overtrained and repeating runs are worth less than they take
const PATH_POINTS = 73;
const WORST = 12; // nats: above the ln of any vocabulary; a model that is served far more than trained
const VALLEY_POINTS = 21;
const VALLEY_SPAN = 30;

export function makeModel(data, forms) {
  const laws = new Map(data.laws.map((given) => [given.key, makeLaw(given, forms, data)]));
  const machines = new Map(data.machines.map((machine) => [machine.key, machine]));
  const paths = new Map();

  // ln L of the compute-optimal run, best size sought near one; what it is at the powers of ten that a law is asked first.
  function onPath(law, power, near) {
    const C = 10 ** power;
    const N = bestSize(law, C, { near });
    return { lnLoss: law.lnFormula(N, C / (FLOPS_PER_PARAM_TOKEN * N)) + law.shiftAt(C), near: Math.log(N) };
  }

  function pathOf(law) {
    if (!paths.has(law.key)) {
      let near = null;
      paths.set(law.key, grid(PATH_POINTS, PATH_FROM).map((power) => {
        const at = onPath(law, power, near);
        near = at.near;
        return { power, ...at };
      }));
    }
    return paths.get(law.key);
  }

  // The compute of the compute-optimal run with the same loss; below the path's first point a straight line.
  function worth(law, loss) {
    const path = pathOf(law);
    const wanted = Math.log(loss);
    let i = 0;
    while (i < path.length - 2 && path[i + 1].lnLoss > wanted) i += 1;
    const [low, high] = [path[i], path[i + 1]];
    const fall = (low.lnLoss - high.lnLoss) / (high.power - low.power);
    const straight = low.power + (low.lnLoss - wanted) / fall;
    if (!(wanted < low.lnLoss && wanted > high.lnLoss)) return 10 ** straight;
    const sizeAt = (power) => low.near + ((high.near - low.near) * (power - low.power)) / (high.power - low.power);
    return 10 ** fallingRoot((power) => onPath(law, power, sizeAt(power)).lnLoss - wanted, straight, fall, low.power, high.power);
  }

  function parts(settings) {
    const law = laws.get(settings.law) ?? laws.values().next().value;
    const machine = machines.get(settings.chip) ?? machines.values().next().value;
    const used = utilisation(machine, settings.mfu);
    return { law, machine, used };
  }

  // Training FLOP that a parameter costs when it serves so many tokens (planning.plan_ask.Serving).
  function servingOf(settings, used) {
    return settings.served * data.serving * used.value;
  }

  function computeOf(settings, machine, used) {
    if (settings.mode === "money") {
      const hours = hoursForMoney(settings.usd, machine, settings.basis, settings.days);
      return Number.isFinite(hours) ? flopsOfHours(hours, machine, used) : settings.C; // no such price is known
    }
    if (settings.mode === "machines") return flopsOfHours(settings.gpus * settings.days * 24, machine, used);
    if (settings.mode === "sizes") return FLOPS_PER_PARAM_TOKEN * settings.N * settings.D;
    return settings.C;
  }

  // Where the dial stands: N, D, C, what is best there, and the distinct tokens it may use.
  function point(settings) {
    const { law, machine, used } = parts(settings);
    const C = computeOf(settings, machine, used);
    const unique = settings.unique || Infinity;
    if (settings.mode === "sizes") {
      return { law, machine, used, C, N: settings.N, D: settings.D, best: bestSize(law, C, { unique }), unique, serving: 0 };
    }
    const serving = servingOf(settings, used);
    const best = bestSize(law, C, { serving, unique });
    const N = best / Math.sqrt(settings.over);
    return { law, machine, used, C, N, D: C / (FLOPS_PER_PARAM_TOKEN * N), best, unique, serving };
  }

  function machinesOf(settings, at) {
    const hours = chipHours(at.C, at.machine, at.used);
    if (settings.mode === "machines") {
      return { hours, devices: settings.gpus, seconds: settings.days * 86400 };
    }
    if (settings.mode === "money" && settings.basis === "purchase") {
      const devices = Math.round(hours.value / (24 * settings.days));
      return { hours, devices, seconds: settings.days * 86400 };
    }
    return { hours, ...devicesFor(hours.value, settings.days) };
  }

  // The best sizes by each draw, remembered: over-training moves every size alike.
  let drawn = { key: "", sizes: [] };
  function drawnSizes({ law, C, serving, unique, best }) {
    const key = `${law.key} ${C} ${serving} ${unique}`;
    if (drawn.key !== key) {
      drawn = { key, sizes: bestSizesOfDraws(law, C, { serving, unique, from: best }).filter(Number.isFinite) };
    }
    return drawn.sizes;
  }

  // What the draws make of N and D where the dial chooses them: the central interval of each draw's own best split.
  const ends = new Float64Array(2);
  function sizes(settings, at) {
    const best = settings.mode === "sizes" ? [] : drawnSizes(at);
    const range = (value, of) => {
      if (!best.length) return { value, low: NaN, high: NaN };
      quantilesInPlace(best.map(of), data.level, ends);
      return { value, low: ends[0], high: ends[1] };
    };
    const down = Math.sqrt(settings.over);
    const tokens = at.C / FLOPS_PER_PARAM_TOKEN;
    return {
      N: range(at.N, (N) => N / down),
      D: range(at.D, (N) => (tokens * down) / N),
      ratio: range(at.D / at.N, (N) => tokens * (down / N) ** 2),
    };
  }

  // Everything at once.
  function read(settings) {
    const at = point(settings);
    const { hours, devices, seconds } = machinesOf(settings, at);
    const loss = at.law.interval(at.N, at.D, at.unique, data.level, at.C);
    const distinct = Math.min(at.D, at.unique);
    const worthFlops = worth(at.law, loss.loss);
    return {
      ...at, hours, devices, seconds, loss, distinct,
      ratio: at.D / at.N,
      sizes: sizes(settings, at),
      epochs: at.D / distinct,
      energy: energy(at.machine, hours),
      costs: costs(at.machine, hours, devices),
      servingHours: (at.serving * at.N) / (at.machine.peak * at.used.value * 3600),
      stock: shareOfStock(distinct, data.stock),
      years: years(data.frontier, at.C, data.level),
      worth: worthFlops,
      scores: data.scores.map((task) => ({ name: task.name, what: task.what, ...score(task, worthFlops) })),
      beyond: beyond(at.law, at.C),
    };
  }

  // Best sizes along the curve, remembered: over-training moves every size alike.
  let memory = { key: "", sizes: [] };
  function kept(law, powers, limits) {
    const key = `${law.key} ${limits.serving} ${limits.unique}`;
    if (memory.key !== key) memory = { key, sizes: bestSizes(law, powers, limits) };
    return memory.sizes;
  }

  // Loss against compute, all other dials as they stand.
  function curve(settings) {
    const { law, used } = parts(settings);
    const serving = settings.mode === "sizes" ? 0 : servingOf(settings, used);
    const over = settings.mode === "sizes" ? 1 : settings.over;
    const unique = settings.unique || Infinity;
    const powers = grid(CURVE_POINTS);
    const sizes = kept(law, powers, { serving, unique });
    const rows = powers.map((power, i) => {
      const flops = 10 ** power;
      const N = sizes[i] / Math.sqrt(over);
      return { flops, ...law.interval(N, flops / (FLOPS_PER_PARAM_TOKEN * N), unique, data.level, flops) };
    });
    return rows.filter((row) => row.loss < WORST);
  }

  // Loss of each size for the compute where the dial stands.
  function valley(at) {
    const rows = [];
    const middle = Number.isFinite(at.best) ? at.best : at.N;
    const span = Math.max(VALLEY_SPAN, 1.3 * Math.max(at.N / middle, middle / at.N)); // the dial stands on the curve
    for (let i = 0; i < VALLEY_POINTS; i += 1) {
      const N = middle * span ** ((2 * i) / (VALLEY_POINTS - 1) - 1);
      const D = at.C / (FLOPS_PER_PARAM_TOKEN * N);
      rows.push({ power: Math.log10(N), params: N, tokens: D, ...at.law.interval(N, D, at.unique, data.level, at.C) });
    }
    return rows;
  }

  // Released models where the law expects them.
  function landmarks(settings) {
    const { law } = parts(settings);
    return data.landmarks.map((mark) => ({ ...mark, loss: law.loss(mark.N, mark.D) }));
  }

  return { laws, machines, point, read, curve, valley, landmarks, worth };
}

// How far past the data: { above, below, factor }, factor over the nearer edge; null where no range is known.
export function beyond(law, C) {
  if (!law.seen) return null;
  const [low, high] = law.seen;
  if (C > high) return { side: "above", factor: C / high };
  if (C < low) return { side: "below", factor: low / C };
  return { side: "within", factor: 1 };
}

// Best sizes for growing compute, each sought near the one before.
function bestSizes(law, powers, limits) {
  let near = null;
  return powers.map((power) => {
    const N = bestSize(law, 10 ** power, { ...limits, near });
    near = Math.log(N);
    return N;
  });
}

function grid(points, low = Math.log10(LOWEST)) {
  const high = Math.log10(HIGHEST);
  return Array.from({ length: points }, (_, i) => low + ((high - low) * i) / (points - 1));
}
