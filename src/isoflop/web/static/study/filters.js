// What of a study is shown: words, a state, sizes and tokens. The same filter for tables and charts.

import { button, field, select } from "../core/controls.js";
import { h, setText } from "../core/dom.js";
import { count } from "../core/format.js";
import { NO_FILTER, STATES, isFiltered, readCount } from "./model.js";
import { freshLabel } from "./parts.js";

const bound = (value) => (value === null ? "" : count(value));

export function filters({ value, onInput }) {
  let filter = { ...NO_FILTER, ...value };
  const change = (part) => {
    filter = { ...filter, ...part };
    onInput(filter);
  };
  const search = freshLabel("Search names", h("input", {
    type: "text", value: filter.q, autocomplete: "off", oninput: (event) => change({ q: event.target.value }),
  }));
  const state = select({
    label: "State", options: [["all", "any"], ...STATES.map((name) => [name, name])], value: filter.state,
    onInput: (key) => change({ state: key }),
  });
  const limit = (label, key) => field({
    label, value: filter[key], read: readCount, write: bound, onInput: (number) => change({ [key]: number }),
  });
  const limits = {
    n0: limit("Parameters from", "n0"), n1: limit("to", "n1"), d0: limit("Tokens from", "d0"), d1: limit("to", "d1"),
  };
  const [size, tokens] = ["n1", "d1"].map((key) => limits[key].input);
  size.setAttribute("aria-label", "Parameters to");
  tokens.setAttribute("aria-label", "Tokens to");
  const shown = h("p", { class: "said shown", role: "status" });
  const set = (next) => {
    filter = { ...NO_FILTER, ...next };
    search.input.value = filter.q;
    state.set(filter.state);
    for (const key of Object.keys(limits)) limits[key].set(filter[key]);
  };
  const clear = button("Show all", () => {
    set(NO_FILTER);
    onInput(filter);
  }, "small");
  const element = h("div", { class: "filters", role: "search", "aria-label": "Filter the runs" },
    search.element, state.element,
    h("div", { class: "range" }, limits.n0.element, limits.n1.element),
    h("div", { class: "range" }, limits.d0.element, limits.d1.element),
    h("div", { class: "outcome" }, shown, clear));
  const say = (some, all) => {
    setText(shown, isFiltered(filter) ? `${some} of ${all} runs shown` : `All ${all} runs shown`);
    clear.hidden = !isFiltered(filter);
  };
  return { element, set, get: () => filter, say };
}
