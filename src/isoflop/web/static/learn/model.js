// What the lessons compute: the figures' numbers, the judging of answers. No page in here, so that tests can ask it.

// The best split of C = 6ND under E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, equation 4).
export function bestSplit(law, constants, flops) {
  const { A, B, alpha, beta } = constants;
  const ratio = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
  const N = ratio * (flops / 6) ** (beta / (alpha + beta));
  const D = flops / 6 / N;
  return { N, D, loss: law(N, D) };
}

// Compute whose best split reaches a loss, by halving in ln C.
export function flopsFor(law, constants, loss) {
  let low = Math.log(1e10);
  let high = Math.log(1e40);
  for (let i = 0; i < 80; i += 1) {
    const middle = (low + high) / 2;
    if (bestSplit(law, constants, Math.exp(middle)).loss > loss) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

export function powersBetween(low, high, count) {
  const step = Math.log(high / low) / (count - 1);
  return Array.from({ length: count }, (_, i) => low * Math.exp(i * step));
}

// z s / √n, as isoflop.outlook.sampling.
export function marginOfError(z, deviation, n) {
  return (z * deviation) / Math.sqrt(n);
}

export function trainingDays(flops, devices, peak, mfu) {
  return flops / (devices * peak * mfu) / 86400;
}

// Width plus 2 / (1 - level) times the miss (Gneiting & Raftery 2007, equation 43).
export function intervalScore(low, high, measured, level) {
  const missed = Math.max(low - measured, 0) + Math.max(measured - high, 0);
  return high - low + (2 / (1 - level)) * missed;
}

// Skill whose right token has probability exp(E - loss), under a metric over an answer of so many tokens.
export function scoreOf(metric, loss, floor, tokens) {
  const p = Math.exp(floor - loss);
  if (metric === "token") return p;
  return metric === "exact" ? p ** tokens : tokens * Math.log(p);
}

const LETTERS = { k: 1e3, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

// A number as people write it: 0.31, 0,31, 5.9e23, 1,024, 150B, 34 %, 3 weeks. also: what one of a unit is in the unit
// that is asked for. Throws an Error that says what can be read.
export function readNumber(text, { unit = "", also = {} } = {}) {
  const tidy = text.trim().replaceAll("−", "-").replaceAll("×10^", "e").replaceAll(" x10^", "e");
  const match = /^([+-]?[\d.,\s]*\d(?:[eE][+-]?\d+)?)\s*([kKMBT](?![a-z]))?\s*(.*)$/.exec(tidy);
  const value = match ? Number(plainDigits(match[1])) * (LETTERS[match[2]] ?? 1) : NaN;
  if (!Number.isFinite(value)) throw new Error(`“${text.trim()}” is no number. Write one such as 0.31, 1.5e23 or 150B.`);
  const said = match[3].trim().toLowerCase();
  if (!said || sameUnit(said, unit)) return value;
  const other = Object.keys(also).find((name) => sameUnit(said, name));
  if (other === undefined) throw new Error(`“${match[3].trim()}” is not the unit asked for. Give the answer in ${unit || "plain numbers"}.`);
  return value * also[other];
}

function sameUnit(said, unit) {
  const bare = (text) => text.toLowerCase().replace(/[()]/g, "").replace(/s$/, "");
  return bare(said) === bare(unit) || (unit === "%" && said === "percent");
}

function plainDigits(text) {
  const tight = text.replace(/\s/g, "");
  if (tight.includes(",") && tight.includes(".")) return tight.replaceAll(",", "");
  if (/^\D?\d{1,3}(,\d{3})+$/.test(tight)) return tight.replaceAll(",", "");
  return tight.replace(",", ".");
}

// Whether a number is near enough: within a share of the answer, either way as a factor.
export function near(value, answer, within) {
  return value * answer > 0 && Math.abs(Math.log(value / answer)) <= Math.log(1 + within) + 1e-12;
}

// An order of things that is the same on every visit and for every reader, and that is not the right one.
export function shuffled(items, key) {
  let state = 2166136261;
  for (const letter of key) state = Math.imul(state ^ letter.codePointAt(0), 16777619) >>> 0;
  const order = items.map((_, i) => i);
  for (let i = order.length - 1; i > 0; i -= 1) {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 2654435769) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  if (order.length > 1 && order.every((place, i) => place === i)) order.reverse();
  return order;
}

// Judges an answer: { right, done, parts, say }. right: null where there is no right or wrong. parts: which gaps, pairs
// or places are right. done: nothing is left to be answered. Answers: choice: index; fill, match: list of texts;
// order: list of indices; number, predict: what was typed; write: text.
export function judge(exercise, answer) {
  switch (exercise.type) {
    case "choice": return judgeChoice(exercise, answer);
    case "fill": return judgeParts(exercise.parts.filter((part) => part.right).map((gap) => gap.right), answer, "gap");
    case "match": return judgeParts(exercise.pairs.map((pair) => pair.definition), answer, "term");
    case "order": return judgeParts(exercise.items, (answer ?? []).map((i) => exercise.items[i]), "place");
    case "number": return judgeNumber(exercise, answer);
    case "predict": return judgePrediction(exercise, answer);
    default: return judgeWriting(exercise, answer);
  }
}

function open(say) {
  return { right: false, done: false, parts: [], say };
}

function judgeChoice(exercise, answer) {
  const option = exercise.options[answer];
  if (!option) return open("Choose one of the answers.");
  return { right: option.right, done: option.right, parts: [option.right], say: option.right ? "Right." : "Not this one." };
}

function judgeParts(wanted, answer, thing) {
  const given = answer ?? [];
  const empty = wanted.filter((_, i) => !given[i]).length;
  if (empty) return open(`${empty} ${thing}${empty === 1 ? " is" : "s are"} still empty.`);
  const parts = wanted.map((text, i) => text === given[i]);
  const good = parts.filter(Boolean).length;
  const right = good === wanted.length;
  return { right, done: right, parts, say: right ? "All right." : `${good} of ${wanted.length} are right.` };
}

function read(exercise, answer) {
  if (answer === undefined || answer === null || String(answer).trim() === "") return [null, "Write a number first."];
  try {
    return [readNumber(String(answer), exercise), ""];
  } catch (error) {
    return [null, error.message];
  }
}

function judgeNumber(exercise, answer) {
  const [value, trouble] = read(exercise, answer);
  if (value === null) return open(trouble);
  const right = near(value, exercise.answer, exercise.within);
  const side = value > exercise.answer ? "Too high" : "Too low";
  const factor = value * exercise.answer > 0 ? Math.exp(Math.abs(Math.log(value / exercise.answer))) : Infinity;
  const far = factor > 3 && Number.isFinite(factor) ? `, by a factor of ${Number(factor.toPrecision(2))}` : "";
  return { right, done: right, parts: [right], say: right ? "Right." : `${side}${far}. Try again.` };
}

function judgePrediction(exercise, answer) {
  const [value, trouble] = read(exercise, answer);
  if (value === null) return open(trouble);
  return { right: null, done: true, parts: [], say: distance(value, exercise) };
}

function distance(value, exercise) {
  if (exercise.unit === "(year)") {
    const years = Math.abs(value - Math.floor(exercise.answer));
    return years < 1 ? "You said just that." : `You were ${Number(years.toPrecision(3))} year${years === 1 ? "" : "s"} off.`;
  }
  if (!(value * exercise.answer > 0)) return "You were far off.";
  const factor = value / exercise.answer;
  if (Math.abs(Math.log(factor)) < Math.log(1.03)) return "You said just that.";
  const apart = Number((factor > 1 ? factor : 1 / factor).toPrecision(2));
  const most = Math.abs(Math.log(factor)) < Math.log(1.5);
  if (most) return `You were ${Math.round(100 * Math.abs(factor - 1))} % too ${factor > 1 ? "high" : "low"}.`;
  return `You were too ${factor > 1 ? "high" : "low"} by a factor of ${apart}.`;
}

export function wordsIn(text) {
  return (text ?? "").trim().split(/\s+/).filter(Boolean).length;
}

function judgeWriting(exercise, answer) {
  const words = wordsIn(answer);
  const left = exercise.least_words - words;
  if (left > 0) return open(words ? `${words} words; ${left} more at least.` : "Nothing written yet.");
  return { right: null, done: true, parts: [], say: `${words} words, kept in this browser.` };
}

// How much of a lesson is done: exercises answered well, or given where nothing is right or wrong.
export function progressOf(lesson, answers) {
  const exercises = lesson.blocks.filter((block) => block.id);
  const done = exercises.filter((exercise) => judge(exercise, answers?.[exercise.id]).done).length;
  return { done, of: exercises.length };
}
