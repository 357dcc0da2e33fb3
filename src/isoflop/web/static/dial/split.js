// The best size for an amount of training compute: where the loss falls alike with size and with data.
//
//   e_N = e_D (1 + s N / C),   e_N = -d ln L / d ln N,   e_D = -d ln L / d ln D,   6ND = C
//
// s is what serving takes a parameter, in training FLOP; without it this is the compute-optimal split. With it, it is
// the split that is best when training and serving are paid together and training takes C of that (Sardana et al. 2024,
// arXiv:2401.00448, section 2): the stationary point of L where all of 6ND + sN may be spent. near: ln N of the best size
// for somewhat less compute.

import { FLOPS_PER_PARAM_TOKEN } from "./law.js";

const SMALLEST = 0; // one parameter: serving that dwarfs training may ask for next to nothing
const LARGEST = Math.log(1e17);
const SCAN = 0.7; // of ln N: finer than any valley of the catalogue
const STEP = 1e-4; // of ln N and ln D: small, since Muennighoff's law has a kink at its optimum
const MOST = 60; // steps of the root finder; bisection from the 20th on

function slope(f) {
  // five points: the error is of the fourth order of STEP
  return (8 * (f(STEP) - f(-STEP)) - (f(2 * STEP) - f(-2 * STEP))) / (12 * STEP);
}

export function bestSize(law, C, { serving = 0, unique = Infinity, near = null } = {}) {
  const gain = (x) => {
    const N = Math.exp(x);
    const D = C / (FLOPS_PER_PARAM_TOKEN * N);
    const size = slope((h) => law.lnFormula(N * Math.exp(h), D, unique));
    const data = slope((h) => law.lnFormula(N, D * Math.exp(h), unique));
    return data * (1 + (serving * N) / C) - size; // above 0: a larger model gains
  };
  const rough = (x) => {
    const N = Math.exp(x);
    const D = C / (FLOPS_PER_PARAM_TOKEN * N);
    const here = law.lnFormula(N, D, unique);
    const size = law.lnFormula(N * 1.001, D, unique) - here;
    const data = law.lnFormula(N, D * 1.001, unique) - here;
    return data * (1 + (serving * N) / C) - size;
  };
  if (near !== null) {
    const found = climb(rough, near);
    if (found) return Math.exp(between(gain, ...found));
  }
  const end = Math.min(LARGEST, Math.log(C / FLOPS_PER_PARAM_TOKEN));
  let best = null;
  let before = rough(SMALLEST);
  if (!(before > 0)) return Math.exp(SMALLEST);
  for (let x = SMALLEST + SCAN; x <= end; x += SCAN) {
    const now = rough(x);
    if (before > 0 && now <= 0) {
      const root = Math.exp(between(gain, x - SCAN, x));
      const lnLoss = law.lnFormula(root, C / (FLOPS_PER_PARAM_TOKEN * root), unique);
      if (!best || lnLoss < best.lnLoss) best = { N: root, lnLoss };
    }
    before = now;
  }
  return best ? best.N : Math.exp(end);
}

// Where gain turns from positive to not, looked for upwards from a size that was best for less compute; null where it
// does not: then the whole range is scanned.
function climb(gain, from) {
  if (!(gain(from) > 0)) return null;
  for (let x = from; x < from + 3; x += SCAN) {
    if (!(gain(x + SCAN) > 0)) return [x, x + SCAN];
  }
  return null;
}

// A root of a function that is positive at low and not at high: the Illinois method, with bisection behind it.
function between(f, low, high) {
  let a = low;
  let b = high;
  let fa = f(a);
  let fb = f(b);
  if (!(fa > 0)) return a;
  if (fb > 0) return b;
  for (let i = 0; i < MOST; i += 1) {
    const inner = (a * fb - b * fa) / (fb - fa);
    const x = i < 20 && inner > a && inner < b ? inner : (a + b) / 2;
    const fx = f(x);
    if (fx > 0) {
      if (Math.abs(x - a) < 1e-12) return x;
      a = x;
      fa = fx;
      fb /= 2;
    } else {
      if (Math.abs(x - b) < 1e-12) return x;
      b = x;
      fb = fx;
      fa /= 2;
    }
    if (b - a < 1e-12) break;
  }
  return (a + b) / 2;
}
