// Data at hand by quality, as a reader writes it and as isoflop.planning.decide_options takes a table of pools.

const SUFFIXES = { k: 1e3, M: 1e6, B: 1e9, G: 1e9, T: 1e12, P: 1e15 };
const LEAST = 2; // pools

// One pool a line, or between semicolons: name, tokens, worth of a token and, if it has its own, passes; apart by blanks
// or commas. Throws an Error that says what is wrong with which line.
export function readPools(text) {
  const lines = text.split(/[\n;]/).map((line) => line.trim()).filter(Boolean);
  const pools = lines.map((line) => {
    const parts = line.split(/[\s,]+/).filter(Boolean);
    const [name, ...said] = parts;
    const [tokens, worth, passes = null] = said.map(amount);
    const wrong = said.length < 2 || said.length > 3 || said.some((one) => !(amount(one) > 0));
    if (wrong) throw new Error(`“${line}”: write a name, tokens, worth and perhaps passes, all above zero: best 100B 2.0`);
    return { name, tokens, worth, passes };
  });
  if (lines.length < LEAST) throw new Error(`${lines.length} pool: at least two are needed, each on its own line.`);
  return pools;
}

function amount(text) {
  const found = /^([0-9.]+(?:e[+-]?[0-9]+)?)([kMBGTP]?)$/.exec(text);
  const value = found ? Number(found[1]) * (SUFFIXES[found[2]] ?? 1) : NaN;
  return Number.isFinite(value) ? value : NaN;
}

// Tokens as shares and worth over the average, best first.
export function gradesOf(pools) {
  const ranked = [...pools].sort((a, b) => b.worth - a.worth);
  const tokens = ranked.reduce((sum, one) => sum + one.tokens, 0);
  const average = ranked.reduce((sum, one) => sum + one.tokens * one.worth, 0) / tokens;
  return ranked.map(({ name, tokens: some, worth, passes }) => (
    { name, share: some / tokens, worth: worth / average, passes }
  ));
}

// The pools in one line, for a link.
export function shortPools(text) {
  return text.split(/[\n;]/).map((line) => line.trim().replace(/[\s,]+/g, " ")).filter(Boolean).join(";");
}

// As `isoflop decide --option-file` reads them.
export function poolsToml(option, pools) {
  const plain = (value) => (/[.e]/.test(String(value)) ? String(value) : `${value}.0`);
  const rows = pools.map(({ name, tokens, worth, passes }) => {
    const own = passes === null ? "" : `, passes = ${plain(passes)}`;
    return `      { name = ${JSON.stringify(name)}, tokens = ${plain(tokens)}, worth = ${plain(worth)}${own} },`;
  });
  return ["    [[options]]", `    name = "${option}"`, "    pools = [", ...rows, "    ]"].join("\n");
}
