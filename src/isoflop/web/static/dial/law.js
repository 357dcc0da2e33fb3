// A law with its doubt: the best guess, and 400 draws that move with the dial. The formulas come from Python's laws.
//
//   ln L_k(N, D) = ln f_k(N, D) + shift(C) + doubt(C) e_k,   C = 6ND
//
// Tokens that are repeated count as fewer fresh ones, unless the form knows distinct tokens U itself.

import { quantilesInPlace } from "./order.js";

export const FLOPS_PER_PARAM_TOKEN = 6;
const KEPT = 64; // amounts of compute whose doubt is remembered: the curve's and a few more

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

// d ln D' / d ln D
function worthOfMore(D, U, decay) {
  return D <= U ? 1 : (D * Math.exp((1 - D / U) / decay)) / effectiveTokens(D, U, decay);
}

// Constants of many laws of a form, row by row, as the form's functions take them.
function rowsOf(form, laws) {
  const made = new Float64Array(laws.length * form.width);
  laws.forEach((constants, k) => made.set(form.constants(constants), k * form.width));
  return made;
}

function drawsOf(draws) {
  const names = Object.keys(draws);
  const count = names.length ? draws[names[0]].length : 0;
  return Array.from({ length: count }, (_, k) => Object.fromEntries(names.map((name) => [name, draws[name][k]])));
}

// given: a law of the payload; forms: the generated module; shared: { powers, errors, decay } of the payload.
export function makeLaw(given, forms, shared) {
  const members = given.members.map((member) => {
    const form = forms[member.form];
    const drawn = drawsOf(member.draws);
    return {
      form, unique: member.unique, weight: member.weight, best: rowsOf(form, [member.constants]),
      rows: rowsOf(form, drawn), count: drawn.length,
    };
  });
  const shift = table(shared.powers, given.shift);
  const doubt = table(shared.powers, given.doubt);
  const errors = Float64Array.from(shared.errors);
  const drawn = members.some((member) => member.count);
  const out = new Float64Array(errors.length);
  const found = new Float64Array(3);
  const bounds = new Float64Array(2);
  const factors = new Map();

  const tokensFor = (member, D, U) => (member.unique || U === Infinity ? D : effectiveTokens(D, U, shared.decay));
  const distinctFor = (D, U) => (U === Infinity ? D : U);

  // ln of the formulas' best guess, without what the residuals add.
  function lnFormula(N, D, U = Infinity) {
    let sum = 0;
    for (const member of members) {
      member.form.fill(member.best, 1, N, tokensFor(member, D, U), distinctFor(D, U), found, 0);
      sum += member.weight * Math.log(found[0]);
    }
    return sum;
  }

  function loss(N, D, U = Infinity, C = FLOPS_PER_PARAM_TOKEN * N * D) {
    return Math.exp(lnFormula(N, D, U) + shift(C));
  }

  // What a member, or one draw of it, says of a larger model and of more data: into sloped, how steeply ln L falls with
  // ln N and ln D.
  const sloped = { size: 0, data: 0 };
  function addSlopes(member, rows, row, share, N, D, U) {
    member.form.slopes(rows, row, N, tokensFor(member, D, U), distinctFor(D, U), U === Infinity, found);
    const more = member.unique || U === Infinity ? 1 : worthOfMore(D, U, shared.decay);
    sloped.size -= (share * found[1]) / found[0];
    sloped.data -= (share * found[2] * more) / found[0];
  }

  function slopes(N, D, U) {
    sloped.size = sloped.data = 0;
    for (const member of members) addSlopes(member, member.best, 0, member.weight, N, D, U);
    return sloped;
  }

  function slopesOfDraw(member, row, N, D, U) {
    sloped.size = sloped.data = 0;
    addSlopes(member, member.rows, row, 1, N, D, U);
    return sloped;
  }

  // What shift and doubt multiply each draw by, which depends on the compute alone.
  function factorsAt(C) {
    if (!factors.has(C)) {
      if (factors.size >= KEPT) factors.clear();
      const moved = shift(C);
      const spread = doubt(C);
      factors.set(C, errors.map((error) => Math.exp(moved + spread * error)));
    }
    return factors.get(C);
  }

  // The draws at one point, in a shared array.
  function draws(N, D, U = Infinity, C = FLOPS_PER_PARAM_TOKEN * N * D) {
    const times = factorsAt(C);
    if (!drawn) {
      const centre = Math.exp(lnFormula(N, D, U));
      for (let k = 0; k < out.length; k += 1) out[k] = centre * times[k];
      return out;
    }
    let from = 0;
    for (const member of members) {
      member.form.fill(member.rows, member.count, N, tokensFor(member, D, U), distinctFor(D, U), out, from);
      from += member.count;
    }
    for (let k = 0; k < out.length; k += 1) out[k] *= times[k];
    return out;
  }

  // { loss, low, high }: the best guess and the central interval of the draws; NaN bounds where nothing is known.
  // C: the compute, where it is known to more digits than 6ND has.
  function interval(N, D, U, level, C = FLOPS_PER_PARAM_TOKEN * N * D) {
    const centre = loss(N, D, U, C);
    if (!given.doubt && !drawn) return { loss: centre, low: NaN, high: NaN };
    quantilesInPlace(draws(N, D, U, C), level, bounds);
    return { loss: centre, low: bounds[0], high: bounds[1] };
  }

  return {
    ...given, lnFormula, loss, draws, interval, slopes, slopesOfDraw, shiftAt: shift, doubtAt: doubt, drawn: drawn ? members : [],
    knowsDoubt: Boolean(given.doubt) || drawn,
  };
}
