// What the decision page says under its charts, as elements.

import { h } from "../core/dom.js";
import { capital, dollarsText, fallText, general, predictionText, ratio, share, whatAndHow } from "./words.js";

export function figureRow({ option, fall, multiplier, best }) {
  return {
    option: option.label, fall: fallText(fall), best: share(best),
    like: `${ratio(multiplier.median)}× [${ratio(multiplier.low)}, ${ratio(multiplier.high)}]`,
  };
}

export function verdictText({ made, heads }, exercise) {
  const top = made.options[made.best].label;
  const guessed = made.options.findIndex((one) => one.name === exercise.guess);
  const yours = guessed < 0 ? "" : `You expected ${made.options[guessed].label}, ${exercise.sure} % sure: it is best `
    + `in ${share(made.likely[guessed])} of the draws. `;
  return `${yours}${guessed === made.best ? "It lowers" : `${capital(top)} lowers`} the loss most on average, by `
    + `${fallText(heads[made.best].fall)} nats a token.`;
}

export function sentencesOf(all) {
  return all.choices.map((one, k) => {
    const [improves, stays] = predictionText(all, k);
    const unbroken = (text) => text.replace(/(\d) %/g, "$1\u00a0%");
    return h("p", {}, h("strong", {}, `${one.option.label}: `), unbroken(improves), " ", h("em", {}, "Not so: "), unbroken(stays));
  });
}

// How to find out what is worth knowing.
export function waysOf(all, nameOf) {
  const worthless = all.worth.each.filter((one) => one.value <= 0).map((one) => nameOf(one.name));
  const named = all.worth.each.filter((one) => one.value > 0).map((one) => [
    h("dt", {}, nameOf(one.name)),
    h("dd", {}, `${capital(whatAndHow(all, one.name).how)}. Worth ${general(one.value, 2)} nats a token, ${dollarsText(one)}.`),
  ]);
  const none = [h("dt", {}, "Worth nothing alone"),
    h("dd", {}, `${worthless.join(", ")}: knowing one of these would not change the choice.`)];
  return worthless.length ? [...named, none] : named;
}
