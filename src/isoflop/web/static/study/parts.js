// Small pieces that several parts of the study page use.

import { freshId, h } from "../core/dom.js";

export function freshLabel(text, input) {
  const id = freshId("field");
  input.id = id;
  return { element: h("div", { class: "control" }, h("label", { for: id }, text), input), input };
}

export function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), ...children);
}

export function note(...children) {
  return h("p", { class: "hint wide" }, ...children);
}

export function trouble(text) {
  return h("p", { class: "warning" }, prose(text));
}

// A sentence of the terminal as pages write it: "90 %" with a space.
export function prose(text) {
  return text.replace(/(\d)%/g, "$1 %");
}

// A step of the analysis that is not there yet, or not possible: what to say instead, or null.
export function instead(step, working) {
  if (step?.trouble) return trouble(step.trouble);
  if (step) return null;
  return h("p", { class: "hint waiting" }, working ? "Being worked out…" : "Not worked out yet.");
}

// New rows for a chart. Without any of its first set there is nothing to draw (and no domain for an axis): it is hidden.
export function fill(picture, sets) {
  const entries = Object.entries(sets);
  const empty = entries[0][1].length === 0;
  picture.element.hidden = empty;
  if (empty) return;
  entries.forEach(([name, rows], i) => picture.set(name, rows, i === entries.length - 1));
}
