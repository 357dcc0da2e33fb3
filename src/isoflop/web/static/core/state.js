// The state of a page as a link: #/dial?C=1e25&over=1.5, so that a link gives another reader the same view.

export function readHash(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const pairs = query.split("&").filter(Boolean).map((part) => part.split("=").map(decoded));
  return { view: path, params: Object.fromEntries(pairs.map(([name, value = ""]) => [name, value])) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a link that was cut in the middle of a character
  }
}

// Values equal to their default are left out, so a link says only what the reader chose.
export function writeHash(view, params, defaults = {}) {
  const said = Object.entries(params).filter(([name, value]) => {
    const usual = defaults[name];
    return value !== null && value !== undefined && value !== "" && String(value) !== String(usual);
  });
  const query = said.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join("&");
  return query ? `#/${view}?${query}` : `#/${view}`;
}

// A number out of a link, held within its range; whatever is no number gives the default.
export function numberFrom(params, name, { min = -Infinity, max = Infinity, usual }) {
  const text = params[name];
  const value = text === undefined || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : usual;
}

export function choiceFrom(params, name, allowed, usual) {
  return allowed.includes(params[name]) ? params[name] : usual;
}
