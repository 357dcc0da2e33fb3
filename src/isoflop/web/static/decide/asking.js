// What a reader of the decision page is asked: a choice among the options, a reason in words, and gates between the steps.

import { button, choice } from "../core/controls.js";
import { h, replace, setText } from "../core/dom.js";

const LEAST = 20; // characters of a reason

// given: { facts, setting(), exercise(), remember(), advance(step) }.
export function asking({ facts, setting, exercise, remember, advance }) {
  function optionChoice(label, name) {
    const room = h("div");
    const show = () => {
      const options = facts.options.filter((one) => setting().options.includes(one.name));
      replace(room, choice({
        label, options: options.map((one) => [one.name, one.label]), value: exercise()[name],
        onInput: (key) => { exercise()[name] = key; remember(); },
      }).element);
    };
    show();
    return { element: room, show };
  }

  function reason(label, name) {
    const id = `reason-${name}`;
    const area = h("textarea", {
      id, rows: 3, value: exercise()[name], oninput: () => { exercise()[name] = area.value; remember(); },
    });
    return {
      element: h("div", { class: "control" }, h("label", { for: id }, label), area),
      show: () => { area.value = exercise()[name]; },
    };
  }

  function missing(named, words, text) {
    const known = named === "ask" ? exercise().ask : setting().options.includes(exercise()[named]);
    if (!known) return `${words} first.`;
    return exercise()[text].trim().length < LEAST ? `Say why in a sentence: at least ${LEAST} characters.` : "";
  }

  // named, words: what must be chosen, and how that is said; text: the reason that must be given.
  function gate(title, next, named, words, text) {
    const trouble = h("p", { class: "trouble", role: "alert" });
    const press = button(title, () => {
      setText(trouble, missing(named, words, text));
      if (!trouble.textContent) advance(next);
    }, "main");
    return { element: h("div", {}, trouble, press) };
  }

  return { optionChoice, reason, gate };
}
