// The few marks that a lesson's words may carry: **strong**, *stressed*, `code`. All else is text.

import { h } from "../core/dom.js";

const MARKS = /\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|`([^`]+)`/g;

export function rich(words) {
  const text = words.replaceAll(" %", "\u00a0%"); // a number and its sign stay on one line
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(MARKS)) {
    pieces.push(text.slice(at, match.index));
    const [, strong, stressed, code] = match;
    pieces.push(strong ? h("strong", {}, strong) : stressed ? h("em", {}, stressed) : h("code", {}, code));
    at = match.index + match[0].length;
  }
  return [...pieces, text.slice(at)].filter((piece) => piece !== "");
}
