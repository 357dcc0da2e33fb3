// The best size for an amount of training compute: where the loss falls alike with size and with data.
//
//   e_N = e_D (1 + s N / C),   e_N = -d ln L / d ln N,   e_D = -d ln L / d ln D,   6ND = C
//
// s is what serving takes a parameter, in training FLOP; without it this is the compute-optimal split. With it, it is
// the split that is best when training and serving are paid together and training takes C of that (Sardana et al. 2024,
// arXiv:2401.00448, section 2): the stationary point of L where all of 6ND + sN may be spent.
//
// Both sides are compared by their logarithms, whose difference is a straight line in ln N for a law of two powers.

import { FLOPS_PER_PARAM_TOKEN } from "./law.js";

const SMALLEST = 0; // ln of one parameter: serving that dwarfs training may ask for next to nothing
const LARGEST = Math.log(1e17);
const SCAN = 0.7; // of ln N: finer than any valley of the catalogue
const MOST = 60; // steps of the root finder; bisection from the 20th on
const CLOSE = 1e-12; // of ln N
const USUAL = 0.7; // how fast the difference falls with ln N in most laws: the first step's guess

// How much larger the ratio of both sides is than one, by its logarithm: above 0 a larger model gains.
function gainOf(slopes, C, serving, unique) {
  return (x) => {
    const N = Math.exp(x);
    const { size, data } = slopes(N, C / (FLOPS_PER_PARAM_TOKEN * N), unique);
    if (!(size > 0)) return -Infinity;
    if (!(data > 0)) return Infinity; // no use for more data
    return Math.log(size / (data * (1 + (serving * N) / C)));
  };
}

const endOf = (C) => Math.min(LARGEST, Math.log(C / FLOPS_PER_PARAM_TOKEN));

// near: ln N of the best size for nearly as much compute.
export function bestSize(law, C, { serving = 0, unique = Infinity, near = null } = {}) {
  const gain = gainOf(law.slopes, C, serving, unique);
  const end = endOf(C);
  if (near !== null) {
    const found = fallingRoot(gain, near, USUAL, SMALLEST, end);
    if (Number.isFinite(found)) return Math.exp(found);
  }
  let best = null;
  let before = gain(SMALLEST);
  if (!(before > 0)) return Math.exp(SMALLEST);
  for (let x = SMALLEST + SCAN; x <= end; x += SCAN) {
    const now = gain(x);
    if (before > 0 && now <= 0) {
      const root = Math.exp(between(gain, x - SCAN, x));
      const lnLoss = law.lnFormula(root, C / (FLOPS_PER_PARAM_TOKEN * root), unique);
      if (!best || lnLoss < best.lnLoss) best = { N: root, lnLoss };
    }
    before = now;
  }
  return best ? best.N : Math.exp(end);
}

// The best size by each draw of a law, sought from the best guess's; NaN where a draw has none between one parameter
// and one token.
export function bestSizesOfDraws(law, C, { serving = 0, unique = Infinity, from }) {
  const sizes = new Float64Array(law.drawn.reduce((sum, member) => sum + member.count, 0));
  const end = endOf(C);
  const near = Math.log(from);
  let k = 0;
  for (const member of law.drawn) {
    let row = 0;
    const gain = gainOf((N, D, U) => law.slopesOfDraw(member, row, N, D, U), C, serving, unique);
    for (row = 0; row < member.count; row += 1, k += 1) {
      sizes[k] = Math.exp(fallingRoot(gain, near, USUAL, SMALLEST, end));
    }
  }
  return sizes;
}

// The root of a function that falls, by secants from a place near it; NaN where there is none between low and high.
// fall: how fast it is thought to fall there.
export function fallingRoot(f, near, fall, low, high) {
  let x = Math.min(high, Math.max(low, near));
  let y = f(x);
  let step = y / fall;
  for (let i = 0; i < 20 && x + step >= low && x + step <= high; i += 1) {
    if (Math.abs(step) < CLOSE) return x + step;
    const next = f(x + step);
    const slope = (next - y) / step;
    if (!(slope < 0)) break;
    x += step;
    y = next;
    step = -y / slope;
  }
  return f(low) > 0 && f(high) < 0 ? between(f, low, high) : NaN;
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
    if (inner === a || inner === b) return inner; // what is left is rounding
    const fx = f(x);
    if (fx > 0) {
      if (Math.abs(x - a) < CLOSE) return x;
      a = x;
      fa = fx;
      fb /= 2;
    } else {
      if (Math.abs(x - b) < CLOSE) return x;
      b = x;
      fb = fx;
      fa /= 2;
    }
    if (b - a < CLOSE) break;
  }
  return (a + b) / 2;
}
