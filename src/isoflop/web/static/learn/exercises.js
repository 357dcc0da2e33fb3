// The exercises of the lessons as things to answer: made of ordinary form controls, so that a keyboard and a screen
// reader get along with them. Each is { element, get, set, reveal(result), focus }.

import { freshId, h, replace } from "../core/dom.js";
import { judge, shuffled } from "./model.js";
import { rich } from "./words.js";

const GOOD = "✓";
const BAD = "✗";

function mark(element, right) {
  element.textContent = right === undefined ? "" : right ? GOOD : BAD;
  element.className = right === undefined ? "mark" : `mark ${right ? "good" : "bad"}`;
  if (right === undefined) element.removeAttribute("aria-label");
  else element.setAttribute("aria-label", right ? "right" : "not right");
  element.setAttribute("role", "img");
  element.hidden = right === undefined;
}

function newMark() {
  const element = h("span", { class: "mark" });
  mark(element, undefined);
  return element;
}

function choiceBody(exercise, changed) {
  const name = freshId("choice");
  const order = shuffled(exercise.options, exercise.id);
  const lines = order.map((place) => {
    const id = `${name}-${place}`;
    const input = h("input", { type: "radio", name, id, value: String(place), onchange: changed });
    const why = h("p", { class: "why" });
    const sign = newMark();
    const element = h("div", { class: "option" }, input, h("label", { for: id }, rich(exercise.options[place].text)), sign, why);
    return { place, input, why, sign, element };
  });
  const get = () => lines.find((line) => line.input.checked)?.place;
  return {
    element: h("div", { class: "options" }, lines.map((line) => line.element)),
    get,
    set: (answer) => lines.forEach((line) => { line.input.checked = line.place === answer; }),
    reveal: (result) => {
      for (const line of lines) {
        const option = exercise.options[line.place];
        const chosen = result && line.place === get();
        const shown = result && (chosen || result.done);
        mark(line.sign, shown ? option.right : undefined);
        replace(line.why, shown ? rich(option.why) : null);
      }
    },
  };
}

// A list that unfolds, with an empty first line.
function unfolding(label, words, changed) {
  const input = h("select", { "aria-label": label, onchange: changed }, h("option", { value: "" }, "choose…"),
    words.map((word) => h("option", { value: word }, word)));
  const sign = newMark();
  return { input, sign };
}

function severalBody(lists) {
  return {
    get: () => lists.map((list) => list.input.value),
    set: (answer) => lists.forEach((list, i) => { list.input.value = answer?.[i] ?? ""; }),
    reveal: (result) => lists.forEach((list, i) => mark(list.sign, result?.parts.length ? result.parts[i] : undefined)),
  };
}

function fillBody(exercise, changed) {
  const gaps = exercise.parts.filter((part) => part.right);
  const lists = gaps.map((gap, i) => unfolding(`Gap ${i + 1} of ${gaps.length}`, gap.words, changed));
  let next = 0;
  const pieces = exercise.parts.map((part) => {
    if (!part.right) return rich(part);
    const list = lists[next];
    next += 1;
    return h("span", { class: "gap" }, list.input, list.sign);
  });
  return { element: h("p", { class: "gaps" }, pieces), ...severalBody(lists) };
}

function matchBody(exercise, changed) {
  const order = shuffled(exercise.pairs, `${exercise.id}-definitions`);
  const definitions = order.map((i) => exercise.pairs[i].definition);
  const lists = exercise.pairs.map((pair) => unfolding(`Definition of ${pair.term}`, definitions, changed));
  const whole = exercise.pairs.map(() => h("span", { class: "whole", "aria-hidden": "true" })); // a narrow list cuts texts
  const lines = exercise.pairs.map((pair, i) => h("div", { class: "pairing" },
    h("span", { class: "term" }, pair.term), h("span", { class: "gap" }, lists[i].input, lists[i].sign, whole[i])));
  const several = severalBody(lists);
  const write = () => whole.forEach((element, i) => { element.textContent = lists[i].input.value; });
  const set = (answer) => {
    several.set(answer);
    write();
  };
  return { element: h("div", { class: "pairings", onchange: write }, lines), ...several, set };
}

function orderBody(exercise, changed) {
  let order = shuffled(exercise.items, exercise.id);
  let touched = false;
  const list = h("ol", { class: "ordering" });
  const said = h("p", { class: "off-screen", role: "status" });
  const move = (from, by) => {
    const to = from + by;
    [order[from], order[to]] = [order[to], order[from]];
    touched = true;
    draw();
    const button = list.children[to].querySelector(by < 0 ? ".up" : ".down");
    (button.disabled ? list.children[to].querySelector("button:not(:disabled)") : button).focus();
    said.textContent = `${exercise.items[order[to]]}: now place ${to + 1} of ${order.length}.`;
    changed();
  };
  const arrow = (place, by, last) => h("button", {
    type: "button", class: `small ${by < 0 ? "up" : "down"}`, disabled: by < 0 ? place === 0 : last,
    "aria-label": `Move ${exercise.items[order[place]]} ${by < 0 ? "up" : "down"}`, onclick: () => move(place, by),
  }, by < 0 ? "↑" : "↓");
  let signs = [];
  function draw() {
    signs = order.map(newMark);
    replace(list, order.map((item, place) => h("li", {},
      h("span", { class: "arrows" }, arrow(place, -1), arrow(place, 1, place === order.length - 1)),
      h("span", { class: "item" }, rich(exercise.items[item])), signs[place])));
  }
  draw();
  const end = (text) => (text ? h("p", { class: "hint" }, text) : null);
  return {
    element: h("div", {}, end(exercise.first && `First: ${exercise.first}`), list, end(exercise.last && `Last: ${exercise.last}`), said),
    get: () => (touched ? order : undefined),
    set: (answer) => {
      touched = Boolean(answer);
      order = answer ?? shuffled(exercise.items, exercise.id);
      draw();
    },
    answer: () => order,
    reveal: (result) => signs.forEach((sign, i) => mark(sign, result?.parts.length ? result.parts[i] : undefined)),
  };
}

function numberBody(exercise, changed) {
  const id = freshId("number");
  const sign = newMark();
  const input = h("input", {
    type: "text", id, autocomplete: "off", inputmode: "decimal", oninput: changed,
    "aria-label": `Your answer${exercise.unit ? ` in ${exercise.unit}` : ""}`,
  });
  return {
    element: h("p", { class: "numeric" }, input, exercise.unit ? h("span", { class: "unit" }, exercise.unit) : null, sign),
    get: () => input.value, set: (answer) => { input.value = answer ?? ""; },
    reveal: (result) => mark(sign, result?.parts.length ? result.parts[0] : undefined),
  };
}

function writeBody(exercise, changed) {
  const area = h("textarea", { rows: 6, "aria-label": exercise.question, oninput: changed });
  const after = h("div", { class: "after" });
  const show = (open) => replace(after, open ? [
    h("p", {}, "A good answer:"), h("ul", {}, exercise.points.map((point) => h("li", {}, rich(point)))),
    exercise.example ? h("details", {}, h("summary", {}, "One answer, for comparison"), h("p", {}, rich(exercise.example))) : null,
  ] : null);
  return {
    element: h("div", {}, area, after),
    get: () => area.value, set: (answer) => { area.value = answer ?? ""; }, reveal: (result) => show(Boolean(result?.done)),
  };
}

const BODIES = {
  choice: choiceBody, fill: fillBody, match: matchBody, order: orderBody, number: numberBody, predict: numberBody, write: writeBody,
};
const VERBS = { predict: "Predict", write: "Keep" };

// An exercise. answer: as kept, or undefined. onAnswer(answer, result) is called when it is checked, and with undefined
// for an answer that was changed after it. hints appear on request.
export function makeExercise(exercise, answer, onAnswer) {
  const id = freshId("exercise");
  const verdict = h("p", { class: "verdict", role: "status" });
  const why = h("div", { class: "why" });
  const body = BODIES[exercise.type](exercise, () => clear());
  const check = h("button", { type: "button", class: "main", onclick: () => answered(true) }, VERBS[exercise.type] ?? "Check");
  const hint = exercise.hint ? h("details", { class: "numbers" }, h("summary", {}, "Hint"), h("p", {}, rich(exercise.hint))) : null;
  const element = h("section", { class: `exercise exercise-${exercise.type}`, "aria-labelledby": id, "data-exercise": exercise.id },
    h("h2", { id }, rich(exercise.question)), body.element, hint, h("div", { class: "buttons" }, check), verdict, why);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[type=text]")) answered(true);
  });

  function show(result) {
    body.reveal(result);
    verdict.textContent = result ? result.say : "";
    verdict.className = `verdict ${result ? (result.right === false ? "bad" : "good") : ""}`;
    replace(why, result?.done && exercise.why ? h("p", {}, rich(exercise.why)) : null);
    element.classList.toggle("done", Boolean(result?.done));
  }
  function clear() {
    verdict.textContent = "";
    body.reveal(null);
    replace(why);
  }
  function answered(spoken) {
    const given = body.answer ? body.answer() : body.get();
    const result = judge(exercise, given);
    show(result);
    if (spoken) onAnswer(given, result);
  }
  if (answer !== undefined) {
    body.set(answer);
    answered(false);
  }
  return { element, type: exercise.type, check: () => answered(true) };
}
