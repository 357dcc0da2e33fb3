// A study as values: rows out of columns, filters, order, summaries. Nothing here touches the page.

export const STATES = ["done", "running", "planned", "failed", "diverged"];
const NUMBERS = ["params", "tokens", "flops", "share", "loss", "loss_se", "speed"];

// Rows by run_id out of columns as Python sends them, into a map that may hold older ones.
export function mergeColumns(rows, columns) {
  columns.run_id.forEach((run_id, i) => {
    const row = { run_id, name: columns.name[i], state: STATES[columns.state[i]], note: columns.note[i] };
    for (const key of NUMBERS) row[key] = columns[key][i];
    row.fitted = Boolean(columns.fitted[i]);
    row.label = row.name || run_id;
    rows.set(run_id, row);
  });
  return rows;
}

const MULTIPLIERS = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, B: 1e9, T: 1e12, P: 1e15, E: 1e18, Z: 1e21, Y: 1e24 };
const COUNT = /^\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]?)\s*(?:(?:params|parameters|tokens|bytes|FLOPs?|flops?))?\s*$/;

// "1.3B" as isoflop.units reads it; "" is null: no bound.
export function readCount(text) {
  if (text.trim() === "") return null;
  const found = COUNT.exec(text);
  const value = found && found[2] in MULTIPLIERS ? Number(found[1].replaceAll("_", "")) * MULTIPLIERS[found[2]] : NaN;
  if (!Number.isFinite(value)) throw new Error("Write a number such as 300M, 1.3B or 2e9.");
  return value;
}

export const NO_FILTER = { q: "", state: "all", n0: null, n1: null, d0: null, d1: null };

export function isFiltered(filter) {
  return Object.keys(NO_FILTER).some((key) => (filter[key] ?? NO_FILTER[key]) !== NO_FILTER[key]);
}

// What is searched for has to stand in the run's name, identity or note as it was typed; bounds are inclusive.
export function filterRows(rows, filter) {
  const words = (filter.q ?? "").toLowerCase().trim();
  const within = (value, low, high) => (low === null || low === undefined || value >= low) &&
    (high === null || high === undefined || value <= high);
  return rows.filter((row) => {
    if (filter.state && filter.state !== "all" && row.state !== filter.state) return false;
    if (!within(row.params, filter.n0, filter.n1) || !within(row.tokens, filter.d0, filter.d1)) return false;
    return !words || [row.name, row.run_id, row.note].some((text) => text.toLowerCase().includes(words));
  });
}

const FIRST = { running: 0, failed: 1, diverged: 2, planned: 3, done: 4 };

// Rows by a column, unknown values last either way; "state" puts first what needs a look.
export function sortRows(rows, key, down) {
  const value = (row) => (key === "state" ? FIRST[row.state] - row.share / 2 : row[key]);
  const sign = down ? -1 : 1;
  const unknown = (x) => x === null || x === undefined || Number.isNaN(x);
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (unknown(x) || unknown(y)) return unknown(x) - unknown(y);
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return order ? sign * order : b.flops - a.flops || (a.run_id < b.run_id ? -1 : 1);
  });
}

export function summary(rows) {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  let best = null;
  let flops = 0;
  let total = 0;
  for (const row of rows) {
    counts[row.state] += 1;
    total += row.flops;
    flops += row.flops * (row.state === "done" || row.state === "diverged" ? 1 : row.share);
    if (row.state === "done" && row.loss !== null && (best === null || row.loss < best.loss)) best = row;
  }
  return { counts, runs: rows.length, best, flops, total };
}

// "26 of 30 runs are done; 2 are running."
export function sentence({ counts, runs }) {
  const some = (n, what) => (n ? `${n} ${n === 1 ? "is" : "are"} ${what}` : "");
  const rest = [some(counts.running, "running"), some(counts.planned, "waiting"), some(counts.failed, "failed"),
    some(counts.diverged, "diverged")].filter(Boolean);
  const all = counts.done === runs;
  const head = all ? `All ${runs} runs are done` : `${counts.done} of ${runs} runs are done`;
  return `${runs === 1 && all ? "Its one run is done" : head}${rest.length ? `; ${rest.join(", ")}` : ""}.`;
}

// What a chart of runs draws: those with a loss that a logarithmic axis can show; a run in training stands where it is.
export function dots(rows) {
  const part = (row) => (row.state === "running" ? row.share : 1);
  return rows.filter((row) => row.loss > 0 && row.flops * part(row) > 0 && ["done", "running", "diverged"].includes(row.state))
    .map((row) => ({
      run: row.label, params: row.params, tokens: row.tokens * part(row), flops: row.flops * part(row), loss: row.loss, state: row.state,
    }));
}

const MOST_NAMED = 8; // sizes that a legend names one by one; of more, five of them

// The sizes that the legend of colours names: those of runs, as far as they are written differently.
export function namedSizes(rows, write) {
  const all = rows.map((row) => row.params).filter((params) => params > 0).sort((a, b) => a - b);
  const sizes = all.filter((size, i) => i === 0 || write(size) !== write(all[i - 1]));
  return (sizes.length > MOST_NAMED ? spread(sizes) : sizes).map((params) => ({ params }));
}

// Five of many sizes, evenly in their logarithm as near as they lie; the first and the last are among them.
function spread(sizes) {
  const [low, high] = [Math.log(sizes[0]), Math.log(sizes.at(-1))];
  const off = (size, x) => Math.abs(Math.log(size) - x);
  const nearest = (x) => sizes.reduce((best, size) => (off(size, x) < off(best, x) ? size : best));
  return [...new Set([0, 1, 2, 3, 4].map((k) => nearest(low + ((high - low) * k) / 4)))];
}

// Rows out of columns of equal length.
export function rowsOf(columns) {
  const names = Object.keys(columns).filter((name) => Array.isArray(columns[name]));
  return names.length ? columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]]))) : [];
}

// Where measurements fell in their intervals, as a chart draws them. called: writes a forecast's name.
export function placeRows(places, called) {
  const write = (value) => value.toFixed(4);
  const seen = new Map();
  return rowsOf(places).map(({ name, at, loss, low, high, level, measured }) => {
    const label = called(name);
    seen.set(label, (seen.get(label) ?? 0) + 1);
    const again = seen.get(label) > 1 ? ` (${seen.get(label)})` : ""; // a row of its own
    return {
      forecast: label + again, at, what: Math.abs(at) <= 1 ? "inside" : "missed", measured: write(measured),
      told: `${write(loss)} (${write(low)} to ${write(high)}, ${Math.round(100 * level)} %)`,
    };
  });
}

// The curves that a file holds: steps of the logarithm, in ten-thousandths.
export function curvesOf({ run_id, tokens, loss }) {
  const added = (steps) => {
    let at = 0;
    return steps.map((step) => Math.exp((at += step) / 1e4));
  };
  return { run_id, tokens: tokens.map(added), loss: loss.map(added) };
}

const BEGINNING = 200; // the first two-hundredth of a curve's tokens would take most of a logarithmic axis

// Points of the curves of some runs, without their first moments; "ends" are their held-out losses.
export function curveRows(curves, rows) {
  const known = new Map(rows.map((row) => [row.run_id, row]));
  const lines = [];
  const ends = [];
  curves.run_id.forEach((run_id, i) => {
    const row = known.get(run_id);
    if (!row) return;
    const from = (curves.tokens[i].at(-1) ?? 0) / BEGINNING;
    curves.tokens[i].forEach((tokens, j) => {
      if (tokens >= from) lines.push({ run: run_id, label: row.label, params: row.params, tokens, loss: curves.loss[i][j] });
    });
    if (row.state === "done" && row.loss > 0) {
      ends.push({ run: row.label, params: row.params, tokens: row.tokens, loss: row.loss });
    }
  });
  return { lines, ends };
}

export function residualRows(residuals, rows) {
  const known = new Map(rows.map((row) => [row.run_id, row]));
  return residuals.run_id.flatMap((run_id, i) => {
    const row = known.get(run_id);
    return row ? [{ run: row.label, params: row.params, tokens: row.tokens, flops: row.flops, percent: residuals.percent[i] }] : [];
  });
}

// The runs whose curves are asked for: running ones, then evenly over the sizes.
export function chosenRuns(rows, most) {
  const running = rows.filter((row) => row.state === "running").slice(0, most);
  const others = sortRows(rows.filter((row) => row.state === "done" || row.state === "diverged"), "params", false);
  const room = most - running.length;
  const step = others.length > room ? (others.length - 1) / Math.max(1, room - 1) : 1;
  const count = Math.min(room, others.length);
  const kept = Array.from({ length: Math.max(0, count) }, (_, i) => others[Math.round(i * step)]);
  return [...running, ...kept].map((row) => row.run_id);
}

// A moment in words: "12 s ago", "3 min ago", or the date where it is long past.
export function ago(iso, now) {
  const seconds = Math.round((now - Date.parse(iso)) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `on ${iso.slice(0, 16).replace("T", " ")} UTC`;
}
