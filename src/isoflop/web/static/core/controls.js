// What a reader can turn: labelled, reachable by keyboard, and said aloud with units.

import { freshId, h, setText } from "./dom.js";

// A slider. value, min, max, step are what the handle stands for; write(value) is the text beside it and for screen
// readers; log: the handle moves along log10 of the value. Returns { element, input, get, set }: set(value) moves the
// handle without calling onInput.
export function slider({ label, min, max, step, value, write = String, onInput, onChange, log = false, hint = "", list = [] }) {
  const id = freshId("slider");
  const toHandle = (x) => (log ? Math.log10(x) : x);
  const fromHandle = (x) => (log ? 10 ** x : x);
  const low = toHandle(min);
  const high = toHandle(max);
  const input = h("input", {
    id, type: "range", min: low, max: high, step: step ?? (high - low) / 400,
    "aria-describedby": hint ? `${id}-hint` : null, list: list.length ? `${id}-list` : null,
  });
  const output = h("output", { for: id });
  const marks = list.length
    ? h("datalist", { id: `${id}-list` }, list.map((x) => h("option", { value: toHandle(x) })))
    : null;
  let kept = value; // exact, where the handle can only stand at its steps
  const get = () => kept;
  const show = () => {
    const text = write(get());
    setText(output, text);
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--filled", `${(100 * (Number(input.value) - low)) / (high - low)}%`);
  };
  const set = (x) => {
    kept = Math.min(max, Math.max(min, x));
    input.value = String(toHandle(kept));
    show();
  };
  input.addEventListener("input", () => {
    kept = fromHandle(Number(input.value));
    show();
    onInput?.(get());
  });
  if (onChange) input.addEventListener("change", () => onChange(get()));
  set(value);
  const element = h("div", { class: "control slider" },
    h("label", { for: id }, label), output, input, marks,
    hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
  return { element, input, get, set, show };
}

// One of several, as radio buttons in a row. options: [[value, label], …].
export function choice({ label, options, value, onInput, hint = "" }) {
  const name = freshId("choice");
  const inputs = options.map(([key]) => h("input", {
    type: "radio", name, value: key, id: `${name}-${key}`, onchange: () => onInput?.(key),
  }));
  const set = (key) => inputs.forEach((input) => { input.checked = input.value === key; });
  const get = () => inputs.find((input) => input.checked)?.value;
  set(value);
  const element = h("fieldset", { class: "control choice" }, h("legend", {}, label),
    h("div", { class: "segments" }, options.map(([key, text], index) =>
      h("span", { class: "segment" }, inputs[index], h("label", { for: `${name}-${key}` }, text)))),
    hint ? h("p", { class: "hint" }, hint) : null);
  return { element, get, set };
}

// One of many, as a list that unfolds.
export function select({ label, options, value, onInput, hint = "" }) {
  const id = freshId("select");
  const input = h("select", { id, onchange: () => onInput?.(input.value) },
    options.map(([key, text]) => h("option", { value: key }, text)));
  const set = (key) => { input.value = key; };
  set(value);
  const element = h("div", { class: "control select" }, h("label", { for: id }, label), input,
    hint ? h("p", { class: "hint" }, hint) : null);
  return { element, input, get: () => input.value, set };
}

// A box to tick.
export function tick({ label, value = false, onInput, hint = "" }) {
  const id = freshId("tick");
  const input = h("input", { type: "checkbox", id, checked: value, onchange: () => onInput?.(input.checked) });
  const element = h("div", { class: "control tick" }, input, h("label", { for: id }, label),
    hint ? h("p", { class: "hint" }, hint) : null);
  return { element, input, get: () => input.checked, set: (on) => { input.checked = on; } };
}

// A field for a text or a number; read(text) gives the value or throws an Error whose message is shown beneath.
export function field({ label, value, read = (text) => text, write = String, onInput, hint = "", inputmode = null }) {
  const id = freshId("field");
  const trouble = h("p", { class: "trouble", id: `${id}-trouble`, role: "alert" });
  const input = h("input", { id, type: "text", inputmode, value: write(value), autocomplete: "off", "aria-describedby": `${id}-trouble` });
  let kept = value;
  input.addEventListener("change", () => {
    try {
      kept = read(input.value);
      setText(trouble, "");
      input.removeAttribute("aria-invalid");
      onInput?.(kept);
    } catch (error) {
      setText(trouble, error.message);
      input.setAttribute("aria-invalid", "true");
    }
  });
  const set = (x) => {
    kept = x;
    input.value = write(x);
    setText(trouble, "");
    input.removeAttribute("aria-invalid");
  };
  const element = h("div", { class: "control field" }, h("label", { for: id }, label), input, trouble,
    hint ? h("p", { class: "hint" }, hint) : null);
  return { element, input, get: () => kept, set };
}

export function button(text, onclick, kind = "plain") {
  return h("button", { type: "button", class: kind, onclick }, text);
}

// A line that screen readers speak when it changes, for what happened after a click.
export function announcer() {
  const element = h("p", { class: "said", role: "status", "aria-live": "polite" });
  return { element, say: (text) => setText(element, text) };
}
