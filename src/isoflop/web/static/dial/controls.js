// The dials themselves: one set of sliders a mode, and the further ones.

import { choice, select, slider } from "../core/controls.js";
import { h, replace } from "../core/dom.js";
import { count, flops, money, percent } from "../core/format.js";
import { BASES } from "./bill.js";
import { FEWEST_SERVED, FEWEST_UNIQUE, MODES, MOST_UNIQUE, RANGES } from "./settings.js";

const log = (name, settings, more) => ({ min: RANGES[name][0], max: RANGES[name][1], value: settings[name], log: true, ...more });

// makeControls(settings, data, change, done): change(name, value) while a dial moves, done() when it rests.
export function makeControls(settings, data, change, done) {
  const on = (name) => ({ onInput: (value) => change(name, value), onChange: done });
  const pick = (name) => (value) => {
    change(name, value);
    done();
  };
  const dials = {
    C: slider({ label: "Training compute", ...log("C", settings), step: 0.05, write: (x) => flops(x, 3), ...on("C") }),
    usd: slider({ label: "Money for training", ...log("usd", settings), write: money, ...on("usd") }),
    gpus: slider({ label: "Accelerators", ...log("gpus", settings), write: (x) => count(Math.round(x)), ...on("gpus"),
      onInput: (x) => change("gpus", Math.max(1, Math.round(x))) }),
    N: slider({ label: "Parameters N", ...log("N", settings), write: count, ...on("N") }),
    D: slider({ label: "Training tokens D", ...log("D", settings), write: count, ...on("D") }),
    days: slider({ label: "Days of training", ...log("days", settings), write: (x) => `${count(x)} d`, ...on("days"),
      hint: "How long it may last; it decides how many GPUs are needed." }),
    over: slider({ label: "Over-training", ...log("over", settings), step: 0.05, write: (x) => `${count(x, 2)} × D/N`, ...on("over"),
      hint: "Tokens a parameter, over the best for the loss. Above 1: a smaller model, trained longer." }),
    served: slider({ label: "Tokens to be served", min: FEWEST_SERVED, max: RANGES.served[1], log: true, step: 0.1,
      value: Math.max(FEWEST_SERVED, settings.served), write: (x) => (x <= FEWEST_SERVED * 1.01 ? "none" : count(x, 2)),
      ...on("served"), onInput: (x) => change("served", x <= FEWEST_SERVED * 1.01 ? 0 : x),
      hint: "Counted in chip-hours: a smaller model is cheaper to run, so the best size falls." }),
    unique: slider({ label: "Distinct tokens at hand", min: FEWEST_UNIQUE, max: MOST_UNIQUE, log: true, step: 0.1,
      value: settings.unique || MOST_UNIQUE, write: (x) => (x >= MOST_UNIQUE * 0.99 ? "plenty" : count(x, 2)),
      ...on("unique"), onInput: (x) => change("unique", x >= MOST_UNIQUE * 0.99 ? 0 : x),
      hint: "When they run out they are repeated, and each pass is worth less." }),
    mfu: slider({ label: "Utilisation (MFU)", min: 0, max: RANGES.mfu[1], step: 0.01, value: settings.mfu, ...on("mfu"),
      write: (x) => (x > 0 ? percent(x, 2) : "as published, 31 %"),
      hint: "Share of the peak that the whole run reaches, pauses included. Published runs: 21 to 46 %." }),
  };
  dials.mfu.set(settings.mfu);
  const picks = {
    mode: choice({ label: "Set the dial by", options: MODES, value: settings.mode, onInput: pick("mode") }),
    basis: select({ label: "Paid how", options: BASES, value: settings.basis, onInput: pick("basis") }),
    chip: select({ label: "Accelerator", options: data.machines.map((m) => [m.key, m.label]), value: settings.chip, onInput: pick("chip") }),
    law: select({ label: "Law of the loss", options: data.laws.map((law) => [law.key, law.label]), value: settings.law, onInput: pick("law") }),
  };
  const byMode = {
    compute: [dials.C], money: [dials.usd, picks.basis], machines: [dials.gpus], sizes: [dials.N, dials.D],
  };
  const own = h("div", { class: "own" });
  const aboutLaw = h("p", { class: "hint" });
  const splitting = [dials.over, dials.served].map((dial) => dial.element);
  const more = h("details", { class: "more" }, h("summary", {}, "Further dials"),
    dials.days.element, picks.chip.element, dials.mfu.element, ...splitting, dials.unique.element, picks.law.element, aboutLaw);

  let mode = "";
  // Bring every dial to where the settings are.
  function show(now) {
    for (const [name, dial] of Object.entries(dials)) dial.set(handleAt(name, now[name]));
    for (const [name, one] of Object.entries(picks)) one.set(now[name]);
    arrange(now);
  }
  function arrange(now) {
    if (now.mode !== mode) {
      mode = now.mode;
      replace(own, byMode[mode].map((one) => one.element));
      for (const element of splitting) element.hidden = mode === "sizes";
      dials.days.element.querySelector(".hint").textContent = mode === "machines"
        ? "How long they run." : "How long it may last; it decides how many GPUs are needed.";
    }
    const law = data.laws.find((one) => one.key === now.law);
    const text = `${law.about} Source: ${law.source}.`;
    if (aboutLaw.textContent !== text) aboutLaw.textContent = text;
  }
  arrange(settings);
  return { mode: picks.mode.element, own, more, show, arrange };
}

// Where the handle stands for "none" and "plenty".
function handleAt(name, value) {
  if (name === "served") return Math.max(FEWEST_SERVED, value);
  if (name === "unique") return value || MOST_UNIQUE;
  return value;
}
