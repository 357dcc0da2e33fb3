// Order statistics and random numbers; typed arrays in, numbers out.

// The quantile of sorted values at p, linear between neighbours (type 7 of Hyndman & Fan 1996, as NumPy's).
export function quantileSorted(sorted, p) {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
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
