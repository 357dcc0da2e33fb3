// Quantities as isoflop.units writes them: the same digits in the terminal, in a report and on a page.

const LETTERS = [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]];
const DAY = 86400;

function rounded(value, digits) {
  return Number(value.toPrecision(digits));
}

function trimmed(value, digits) {
  return plain(rounded(value, digits));
}

// As Python's "g" writes it: powers of ten below 1e-4.
function general(value, digits) {
  const text = exponent(value, digits - 1);
  const power = Number(text.split("e")[1]);
  if (power >= -4 && power < digits) return String(rounded(value, digits));
  return text.replace(/(\.\d*?)0+e/, "$1e").replace(".e", "e");
}

// Without exponents, as Python's "f" writes it: up to six decimals.
function plain(value) {
  const text = value.toFixed(6);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

export function exponent(value, digits) {
  const [head, power] = value.toExponential(digits).split("e");
  const size = Math.abs(Number(power));
  return `${head}e${power.startsWith("-") ? "-" : "+"}${size < 10 ? "0" : ""}${size}`;
}

export function count(value, digits = 3) {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 1e-3) return general(value, digits);
  if (Math.abs(rounded(value, digits)) >= 1e18) return general(value, digits);
  for (const [letter, scale] of LETTERS) {
    if (Math.abs(rounded(value, digits)) >= scale) return grouped(trimmed(value / scale, digits)) + letter;
  }
  return trimmed(value, digits);
}

function grouped(text) {
  const [whole, rest] = text.split(".");
  const parts = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return rest === undefined ? parts : `${parts}.${rest}`;
}

export function flops(value, digits = 2) {
  return `${exponent(value, Math.max(digits - 1, 0))} FLOP`;
}

export function money(usd) {
  return `$${count(usd)}`;
}

export function duration(seconds) {
  for (const [unit, scale] of [["d", DAY], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * scale || (unit === "min" && seconds >= 90)) return `${trimmed(seconds / scale, 3)} ${unit}`;
  }
  return `${trimmed(seconds, 3)} s`;
}

export function power(watts) {
  for (const [unit, scale] of [["GW", 1e9], ["MW", 1e6], ["kW", 1e3]]) {
    if (Math.abs(watts) >= scale) return `${trimmed(watts / scale, 3)} ${unit}`;
  }
  return `${trimmed(watts, 3)} W`;
}

// A share as a percentage with a sensible number of digits.
export function percent(share, digits = 2) {
  const value = 100 * share;
  return `${value !== 0 && Math.abs(value) < 10 ** -digits ? exponent(value, 0) : trimmed(value, digits + (Math.abs(value) >= 100 ? 1 : 0))} %`;
}

export function fixed(value, digits = 3) {
  return Number.isFinite(value) ? value.toFixed(digits) : String(value);
}

// A decimal year as year and month: 2027.21 -> 2027-03.
export function yearMonth(year) {
  if (!Number.isFinite(year)) return "never";
  const whole = Math.floor(year);
  const month = Math.min(12, 1 + Math.floor((year - whole) * 12));
  return `${whole}-${String(month).padStart(2, "0")}`;
}

export function between(low, high, write) {
  return `${write(low)} to ${write(high)}`;
}
