// Order statistics and random numbers; typed arrays in, numbers out.

// The quantile of sorted values at p, linear between neighbours (type 7 of Hyndman & Fan 1996, as NumPy's).
export function quantileSorted(sorted, p) {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

// The quantile at p of an array that it may put in another order: a tenth of the time of sorting it (Hoare 1961).
export function quantileInPlace(values, p) {
  const at = p * (values.length - 1);
  const low = Math.floor(at);
  const below = selectInPlace(values, low);
  if (at === low) return below;
  let above = Infinity;
  for (let i = low + 1; i < values.length; i += 1) if (values[i] < above) above = values[i];
  return below + (above - below) * (at - low);
}

// The k-th smallest; afterwards nothing before place k is larger and nothing after it smaller.
function selectInPlace(values, k) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i += 1;
      while (values[j] > pivot) j -= 1;
      if (i <= j) {
        const kept = values[i];
        values[i] = values[j];
        values[j] = kept;
        i += 1;
        j -= 1;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return values[k];
}

// Several quantiles of values in any order; not finite ones are left out.
export function quantiles(values, shares) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  return shares.map((p) => (sorted.length ? quantileSorted(sorted, p) : NaN));
}

// Φ(z) to 1e-15, by the complementary error function of Numerical Recipes' Chebyshev fit refined by symmetry.
export function normalCdf(z) {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 2 / (2 + x);
  const ty = 4 * t - 2;
  const c = [-1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3,
    -9.46595344482036e-4, 3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6,
    1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9, 5.059343495e-9, -9.91364156e-10,
    -2.27365122e-10, 9.6467911e-11, 2.394038e-12, -6.886027e-12, 8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16,
    7.106e-15, -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17];
  let d = 0;
  let dd = 0;
  for (let j = c.length - 1; j > 0; j -= 1) {
    [d, dd] = [ty * d - dd + c[j], d];
  }
  const tail = t * Math.exp(-x * x + 0.5 * (c[0] + ty * d) - dd);
  return z > 0 ? 1 - tail / 2 : tail / 2;
}

// Uniform numbers from a seed: mulberry32. The same seed gives the same page on every machine.
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Standard normal numbers from such a source (Box & Muller 1958).
export function normals(uniform) {
  let spare = null;
  return () => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

// Φ⁻¹(p) to 1e-15 (Wichura 1988, Applied Statistics 37, algorithm AS 241, PPND16).
export function normalQuantile(p) {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return q * ratio(r, MIDDLE);
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const z = r <= 5 ? ratio(r - 1.6, OUTER) : ratio(r - 5, FAR);
  return q < 0 ? -z : z;
}

const MIDDLE = [
  [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
    67265.770927008700853, 33430.575583588128105, 2509.0809287301226727],
  [1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867, 39307.89580009271061,
    28729.085735721942674, 5226.495278852854561],
];
const OUTER = [
  [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258,
    0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4],
  [1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9],
];
const FAR = [
  [6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123, 0.026532189526576123093,
    0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
  [1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15],
];

function ratio(x, [above, below]) {
  const at = (coefficients) => coefficients.reduceRight((sum, c) => sum * x + c, 0);
  return at(above) / at(below);
}
