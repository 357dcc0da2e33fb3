// The law of a decision, draw by draw: isoflop.planning.decide_law in the browser, to the last digits.
//
//     L = E + (A/n'^alpha + B/d'^beta)^kappa,  n d = P;  d' and n' are what repeated tokens and outsize models are worth
//
// Draws are typed arrays of one length; law: { E, A, alpha, B, beta, kappa, member } with ln A, ln B and
// lead = ln(beta B/(alpha A)), which are the same for all draws of a member.

import { each } from "./value.js";

const SIZE = new Float64Array(3);
const DATA = new Float64Array(3);
const LOST = 1e-13;

export const fields = ["E", "A", "alpha", "B", "beta", "kappa", "logA", "logB", "lead"];

// ∫ e^-t/t from x to infinity, x > 0: the series below 1, Lentz's continued fraction above (Numerical Recipes 6.3).
export function exp1(x) {
  if (x > 700) return 0;
  if (x <= 1) {
    let sum = -0.57721566490153286061 - Math.log(x);
    let term = 1;
    for (let k = 1; k <= 30; k += 1) {
      term *= -x / k;
      sum -= term / k;
    }
    return sum;
  }
  let b = x + 1;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i <= 200; i += 1) {
    const a = -i * i;
    b += 2;
    d = 1 / (a * d + b);
    c = b + a / c;
    const step = c * d;
    h *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return h * Math.exp(-x);
}

// Members of a source at shares u of [0, 1), in order of the slope that each gives compute.
export function drawLaw(source, u) {
  const slope = source.members.map(frontierSlope);
  const order = slope.map((_, i) => i).sort((a, b) => slope[a] - slope[b] || a - b);
  const edges = [];
  order.forEach((i, k) => edges.push(source.members[i].weight + (k ? edges[k - 1] : 0)));
  const whole = edges[edges.length - 1];
  const member = new Int32Array(u.length);
  for (let i = 0; i < u.length; i += 1) {
    let k = 0;
    while (k < order.length - 1 && edges[k] / whole <= u[i]) k += 1;
    member[i] = order[k];
  }
  const members = source.members.map((one) => (
    { ...one, logA: Math.log(one.A), logB: Math.log(one.B), lead: Math.log((one.beta * one.B) / (one.alpha * one.A)) }
  ));
  const column = (name) => each(member.length, (i) => members[member[i]][name]);
  return { ...Object.fromEntries(fields.map((name) => [name, column(name)])), member };
}

export function frontierSlope({ alpha, beta, kappa }) {
  return kappa * (alpha * beta) / (alpha + beta);
}

export function takeLaw(law, n) {
  return { ...Object.fromEntries(fields.map((name) => [name, law[name].subarray(0, n)])), member: law.member.subarray(0, n) };
}

// The best split of effective compute under effective distinct tokens: { loss, logN, logD }, each an array.
export function bestSplit(law, flops, unique, rate, repeats, facts) {
  const n = law.E.length;
  const logD = new Float64Array(n);
  const logN = new Float64Array(n);
  const loss = new Float64Array(n);
  const limited = [];
  for (let i = 0; i < n; i += 1) {
    const power = Math.log(flops[i] / facts.flops_per_param_token);
    logD[i] = (law.lead[i] + law.alpha[i] * power) / (law.alpha[i] + law.beta[i]);
    logN[i] = power - logD[i];
    if (logD[i] > Math.log(unique[i])) limited.push(i);
    else loss[i] = lossOf(law, i, logN[i], logD[i]);
  }
  if (limited.length) search(law, limited, logN, logD, loss, unique, rate, repeats, facts);
  return { loss, logN, logD };
}

// Loss at given parameters and tokens of which so many are distinct.
export function lossAt(law, params, tokens, unique, rate, repeats, facts) {
  return each(law.E.length, (i) => {
    const logN = Math.log(params);
    const logD = Math.log(tokens);
    if (!Number.isFinite(unique[i])) return lossOf(law, i, logN, logD);
    const logU = Math.min(Math.log(unique[i]), logD);
    const r = Math.min(rate[i], facts.as_good_as_new);
    const size = worth(SIZE, logN, fittingSize(law, i, logU), facts.size_decay, "decay");
    return lossOf(law, i, size[0], worth(DATA, logD, logU, r, repeats)[0]);
  });
}

// How many times the compute, with unlimited data, takes the law from one loss to another.
export function computeMultiplier(law, before, after) {
  return each(law.E.length, (i) => {
    const gamma = (law.alpha[i] * law.beta[i]) / (law.alpha[i] + law.beta[i]);
    return ((after[i] - law.E[i]) / (before[i] - law.E[i])) ** (-1 / (law.kappa[i] * gamma));
  });
}

function lossOf(law, i, logN, logD) {
  const short = Math.exp(law.logA[i] - law.alpha[i] * logN) + Math.exp(law.logB[i] - law.beta[i] * logD);
  return law.E[i] + (law.kappa[i] === 1 ? short : short ** law.kappa[i]);
}

// ln of the size that is optimal for so many tokens.
function fittingSize(law, i, logU) {
  return (law.beta[i] * logU - law.lead[i]) / law.alpha[i];
}

// Into ``out``: ln of what the amount is worth, ln of its elasticity, the slope of that, in ln amount; as it is up to the
// base. An array that is reused: this runs a million times while a slider moves.
function worth(out, logAmount, logBase, rate, repeats) {
  const over = logAmount > logBase ? Math.exp(logAmount - logBase) : 1;
  if (!(over > 1)) {
    out[0] = logAmount;
    out[1] = 0;
    out[2] = 0;
  } else if (repeats === "half_life") {
    const perPass = Math.log(2) / rate;
    out[0] = logBase + Math.exp(perPass) * (exp1(perPass) - exp1(perPass * over));
    out[1] = -perPass * (over - 1);
    out[2] = -perPass * over;
  } else {
    const passed = (over - 1) / rate;
    const grown = Math.log1p(-rate * Math.expm1(-passed));
    out[0] = logBase + grown;
    out[1] = Math.log(over) - passed - grown;
    out[2] = 1 - over / rate - Math.exp(out[1]);
  }
  return out;
}

// Where the marginal returns of parameters and tokens are equal: a bracketed Newton search in ln d, all draws in step,
// until the widest step is small; a draw whose last step was lost in rounding has no more to do. Writes what tokens and
// size are: logD, logN, loss.
function search(law, limited, logN, logD, loss, unique, rate, repeats, facts) {
  const many = limited.length;
  const x = new Float64Array(many);
  const low = new Float64Array(many);
  const high = new Float64Array(many);
  const of = (at) => each(many, (k) => at(limited[k], k));
  const power = of((i) => logN[i] + logD[i]);
  const logU = of((i) => Math.log(unique[i]));
  const rates = of((i) => Math.min(rate[i], facts.as_good_as_new));
  const fits = of((i, k) => fittingSize(law, i, logU[k]));
  for (let k = 0; k < many; k += 1) {
    low[k] = logU[k];
    high[k] = power[k] - fits[k];
    x[k] = 0.5 * (low[k] + high[k]);
  }
  const open = Int32Array.from(limited.keys());
  let left = many;
  for (let round = 0; round < facts.steps; round += 1) {
    let widest = 0;
    let kept = 0;
    for (let place = 0; place < left; place += 1) {
      const k = open[place];
      const i = limited[k];
      const size = worth(SIZE, power[k] - x[k], fits[k], facts.size_decay, "decay");
      const data = worth(DATA, x[k], logU[k], rates[k], repeats);
      const excess = law.beta[i] * data[0] - data[1] - law.alpha[i] * size[0] + size[1] - law.lead[i];
      const slope = law.beta[i] * Math.exp(data[1]) - data[2] + law.alpha[i] * Math.exp(size[1]) - size[2];
      if (excess < 0) low[k] = x[k];
      else high[k] = x[k];
      const wanted = x[k] - excess / slope;
      const step = (wanted >= low[k] && wanted <= high[k] ? wanted : 0.5 * (low[k] + high[k])) - x[k];
      x[k] += step;
      widest = Math.max(widest, Math.abs(step));
      if (Math.abs(step) > LOST) open[kept++] = k;
    }
    left = kept;
    if (widest < facts.close) break;
  }
  for (let k = 0; k < many; k += 1) {
    const i = limited[k];
    const size = worth(SIZE, power[k] - x[k], fits[k], facts.size_decay, "decay")[0];
    loss[i] = lossOf(law, i, size, worth(DATA, x[k], logU[k], rates[k], repeats)[0]);
    logD[i] = x[k];
    logN[i] = power[k] - x[k];
  }
}
