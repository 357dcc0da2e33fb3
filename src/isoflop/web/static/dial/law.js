// A law with its doubt: the best guess, and 400 draws that move with the dial. The formulas come from Python's laws.
//
//   ln L_k(N, D) = ln f_k(N, D) + shift(C) + doubt(C) e_k,   C = 6ND
//
// Tokens that are repeated count as fewer fresh ones, unless the form knows distinct tokens U itself.

import { quantileInPlace } from "../core/stats.js";

export const FLOPS_PER_PARAM_TOKEN = 6;

// A table over log10 C, linear between its points and flat beyond them.
function table(powers, values) {
  if (!values) return () => 0;
  const last = powers.length - 1;
  const step = powers[1] - powers[0];
  return (C) => {
    const at = (Math.log10(C) - powers[0]) / step;
    if (!(at > 0)) return values[0];
    if (at >= last) return values[last];
    const low = Math.floor(at);
    return values[low] + (values[low + 1] - values[low]) * (at - low);
  };
}

// D' of Muennighoff et al. 2023, eq. 5: what D tokens are worth of which U are distinct.
export function effectiveTokens(D, U, decay) {
  const distinct = Math.min(U, D);
  return distinct * (1 + decay * -Math.expm1((1 - D / distinct) / decay));
}

// given: a law of the payload; forms: the generated module; shared: { powers, errors, decay } of the payload.
export function makeLaw(given, forms, shared) {
  const members = given.members.map((member) => {
    const f = forms[member.form];
    const names = Object.keys(member.draws);
    const count = names.length ? member.draws[names[0]].length : 0;
    const draws = Array.from({ length: count }, (_, k) => Object.fromEntries(names.map((name) => [name, member.draws[name][k]])));
    return { f, unique: member.unique, weight: member.weight, constants: member.constants, draws };
  });
  const shift = table(shared.powers, given.shift);
  const doubt = table(shared.powers, given.doubt);
  const errors = Float64Array.from(shared.errors);
  const drawn = members.some((member) => member.draws.length);
  const out = new Float64Array(errors.length);

  const tokensFor = (member, D, U) => (member.unique || U === Infinity ? D : effectiveTokens(D, U, shared.decay));
  const distinctFor = (D, U) => (U === Infinity ? D : U);

  // ln of the formulas' best guess, without what the residuals add.
  function lnFormula(N, D, U = Infinity) {
    let sum = 0;
    for (const member of members) {
      sum += member.weight * Math.log(member.f(member.constants, N, tokensFor(member, D, U), distinctFor(D, U)));
    }
    return sum;
  }

  function loss(N, D, U = Infinity) {
    return Math.exp(lnFormula(N, D, U) + shift(FLOPS_PER_PARAM_TOKEN * N * D));
  }

  // The draws at one point, in a shared array.
  function draws(N, D, U = Infinity) {
    const C = FLOPS_PER_PARAM_TOKEN * N * D;
    const moved = shift(C);
    const spread = doubt(C);
    if (!drawn) {
      const centre = lnFormula(N, D, U) + moved;
      for (let k = 0; k < out.length; k += 1) out[k] = Math.exp(centre + spread * errors[k]);
      return out;
    }
    let k = 0;
    for (const member of members) {
      const { f, draws: rows } = member;
      const tokens = tokensFor(member, D, U);
      const distinct = distinctFor(D, U);
      for (let i = 0; i < rows.length; i += 1, k += 1) {
        out[k] = f(rows[i], N, tokens, distinct) * Math.exp(moved + spread * errors[k]);
      }
    }
    return out;
  }

  // { loss, low, high }: the best guess and the central interval of the draws; NaN bounds where nothing is known.
  function interval(N, D, U, level) {
    const centre = loss(N, D, U);
    if (!given.doubt && !drawn) return { loss: centre, low: NaN, high: NaN };
    const drawnLosses = draws(N, D, U);
    return { loss: centre, low: quantileInPlace(drawnLosses, (1 - level) / 2), high: quantileInPlace(drawnLosses, (1 + level) / 2) };
  }

  return { ...given, lnFormula, loss, draws, interval, shiftAt: shift, doubtAt: doubt, knowsDoubt: Boolean(given.doubt) || drawn };
}
