// The dial: compute (or money, machines, sizes) in, everything that grows with it out.

import { announcer, button, select } from "../core/controls.js";
import { chart } from "../core/charts.js";
import { h, replace, setText } from "../core/dom.js";
import { count, fixed, flops } from "../core/format.js";
import { perFrame } from "../core/frame.js";
import { copyText } from "../core/save.js";
import { lossRange } from "./axis.js";
import { makeControls } from "./controls.js";
import { makeFigures } from "./figures.js";
import { forms } from "./forms.js";
import { labelled } from "./labels.js";
import { makeMarker } from "./marker.js";
import { HIGHEST, makeModel } from "./model.js";
import { defaultsOf, linkOf, settingsFrom, unsaid } from "./settings.js";
import { LEVEL, doubts, summary } from "./words.js";

const REST = 250; // ms without a move: then the link is written (browsers limit how often) and the picture is complete
const KNOWN = ["Chinchilla 70B", "GPT-3 175B", "Llama 3.1-405B", "Pythia-70M", "DeepSeek-V3 671B", "PaLM 540B", "Pythia-1B", "Llama 2-7B", "Pythia-12B"];
const LABEL_FONT = 11;
const NARROW = 860; // px: below it the further dials start folded

export const view = { id: "dial", label: "Dial", title: "The dial", mount };

function mount(root, app) {
  const { data } = app;
  const model = makeModel(data, forms);
  let settings = settingsFrom(app.params, data);
  let curveKey = "";
  let bent = []; // rows of the curve
  let marks = [];

  const figures = makeFigures(data);
  const controls = makeControls(settings, data, change, rest);
  const spoken = announcer();
  spoken.element.classList.add("off-screen");
  const warnings = h("ul", { class: "doubts" });
  const presets = presetPicker();
  const [leastLoss, mostLoss] = data.charts.curve.params.map((end) => ({ ...end }));
  const curve = chart({ spec: { ...data.charts.curve, params: [leastLoss, mostLoss] }, name: "loss-curve", onDraw: (drawing) => {
    sayRange(drawing);
    drawing.run();
    nameMarks();
  },
    data: { curve: [], beyond: [], marks: [], runs: data.runs, here: hereOf(model.read(settings)) } });
  let drawn = model.read(settings); // what the picture of the curve last showed
  const marker = makeMarker(curve, () => curve.set("here", [{ ...hereOf(drawn)[0], seen: 0 }]));
  const valley = chart({ spec: data.charts.valley, name: "isoflop-valley", data: { valley: [], here: [], best: [] } });

  function presetPicker() {
    const line = h("p", { class: "hint" });
    const picker = select({ label: "Start from", value: "", options: [["", "your own settings"], ...data.presets.map((p) => [p.key, p.label])],
      onInput: (key) => {
        const preset = data.presets.find((one) => one.key === key);
        setText(line, preset ? preset.line : "");
        if (preset) go({ ...defaultsOf(data), law: settings.law, ...preset.settings });
      } });
    return { element: h("div", {}, picker.element, line), clear: () => {
      if (picker.get()) picker.set("");
      setText(line, "");
    } };
  }

  function go(next) {
    settings = next;
    controls.show(settings);
    update();
    rest();
  }

  function change(name, value) {
    if (name === "mode") carry(value);
    settings = { ...settings, [name]: value };
    if (name === "mode") controls.show(settings);
    else controls.arrange(settings);
    presets.clear();
    soon();
    rest();
  }

  // A change of mode keeps the run where it is, as near as the new dials can say it.
  function carry(mode) {
    const r = model.read(settings);
    const price = r.costs.find((cost) => cost.key === settings.basis);
    if (mode === "compute") settings = { ...settings, C: Math.min(HIGHEST, r.C) };
    if (mode === "money" && price && Number.isFinite(price.value)) settings = { ...settings, usd: price.value };
    if (mode === "machines") settings = { ...settings, gpus: r.devices, days: r.seconds / 86400 };
    if (mode === "sizes") settings = { ...settings, N: r.N, D: r.D };
    settings = settingsFrom(Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])), data);
  }

  function update() {
    const r = model.read(settings);
    showCurve(r); // pictures first: drawing text on a canvas makes the browser lay out what was written before
    showValley(r);
    figures.show(r);
    showDoubts(doubts(r, settings, data));
    sayTitles(r);
  }
  const soon = perFrame(update);

  function showDoubts(lines) {
    const kind = (line) => (line.calm ? "calm" : "warning");
    const items = [...warnings.children];
    if (items.length === lines.length && items.every((item, i) => item.className === kind(lines[i]))) {
      items.forEach((item, i) => setText(item, lines[i].text));
    } else {
      replace(warnings, lines.map((line) => h("li", { class: kind(line) }, line.text)));
    }
  }

  // The curve moves only with the dials that bend it. Where the dial stands on it is shown by a marker above the picture
  // while it moves, and by the picture itself once it rests: drawing it anew for a dot would take a third of a frame.
  function showCurve(r) {
    const { over, served, unique, law, mfu, chip, mode } = settings;
    const key = JSON.stringify([over, served, unique, law, mode === "sizes", served ? [mfu, chip] : 0]);
    const same = key === curveKey;
    if (!same) {
      const otherLaw = JSON.parse(curveKey || "[]")[3] !== law;
      curveKey = key;
      bent = held(r.law, model.curve(settings));
      curve.set("curve", bent, false);
      if (otherLaw) {
        marks = model.landmarks(settings).map((mark) => ({ ...mark, label: "" }));
        curve.set("beyond", r.law.seen ? [{ flops: r.law.seen[1], end: HIGHEST, text: "past the data" }] : [], false);
        curve.set("marks", marks.map((mark) => ({ ...mark })), false); // copies: the picture marks its rows as its own
      }
    }
    const here = hereOf(r);
    const [least, most] = lossRange([...bent, ...here], [...marks, ...data.runs]);
    if (!same || least !== leastLoss.value || most !== mostLoss.value) {
      [leastLoss.value, mostLoss.value] = [least, most];
      if (curve.view) sayRange(curve.view);
      curve.flush();
    }
    marker.move(here[0]);
  }

  // Without a doubt the band is as thin as the line.
  function held(law, rows) {
    return law.knowsDoubt ? rows : rows.map((row) => ({ ...row, low: row.loss, high: row.loss }));
  }

  function sayRange(view) {
    for (const end of [leastLoss, mostLoss]) view.signal(end.name, end.value);
  }

  function sayTitles(r) {
    curve.title(`At ${flops(r.C)} the law expects a loss of ${fixed(r.loss.loss)}`,
      `Line: best guess. Band: ${LEVEL} of ${data.errors.length} draws of the law. Grey: released models, where the law expects them.`
      + (data.runs.length ? " Blue: your runs." : ""));
    valley.title(`For ${flops(r.C)} the best size is ${count(r.best)} parameters`,
      r.serving > 0 ? "Dashed: the best size when serving is paid too. Dot: the dial."
        : "Dashed: the best size. Dot: the dial. The band mostly moves as one: sizes beside each other are surer than it looks.");
  }

  function hereOf(r) {
    const { loss, low, high } = r.loss;
    return [{ flops: r.C, loss, low: Number.isFinite(low) ? low : loss, high: Number.isFinite(high) ? high : loss, seen: 1 }];
  }

  function showValley(r) {
    valley.set("valley", held(r.law, model.valley(r)), false);
    valley.set("best", [{ power: Math.log10(r.best) }], false);
    valley.set("here", [{ power: Math.log10(r.N), loss: r.loss.loss }]);
  }

  function nameMarks() {
    if (!curve.view) return;
    const x = curve.view.scale("x");
    const y = curve.view.scale("y");
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${LABEL_FONT}px ${getComputedStyle(root).fontFamily}`;
    const placed = marks.map((mark, i) => {
      const known = KNOWN.indexOf(mark.name);
      return { name: mark.name, x: x(mark.flops), y: y(mark.loss), width: pen.measureText(mark.name).width, rank: known < 0 ? KNOWN.length + i : known };
    });
    const shown = labelled(placed, curve.view.width());
    marker.settle();
    curve.set("marks", marks.map((mark) => ({ ...mark, label: shown.has(mark.name) ? mark.name : "" })));
  }

  let writing = 0;
  function rest() {
    clearTimeout(writing);
    writing = setTimeout(() => {
      app.setParams(linkOf(settings), unsaid(settings, data));
      const r = model.read(settings);
      spoken.say(summary(r));
      drawn = r;
      curve.set("here", hereOf(r), false);
      nameMarks();
      marker.hide();
    }, REST);
  }

  const copied = announcer();
  const share = h("div", { class: "buttons" }, button("Copy a link to this", async () => {
    app.setParams(linkOf(settings), unsaid(settings, data));
    copied.say((await copyText(window.location.href)) ? "Copied." : "Could not be copied; take it from the address bar.");
  }), copied.element);

  controls.more.open = window.innerWidth > NARROW;
  root.append(
    h("h1", {}, "The dial"),
    h("p", { class: "lead" }, "Turn what goes into training and see what grows with it, from a laptop to the frontier, with how sure one can be."),
    h("div", { class: "dial" },
      h("div", {},
        h("section", { class: "panel", "aria-label": "The dial" }, presets.element, controls.mode, controls.own),
        h("section", { class: "panel", "aria-label": "Further dials" }, controls.more, share, spoken.element)),
      h("section", { class: "gives", "aria-label": "What it gives" }, warnings, figures.first,
        h("div", { class: "pair" }, curve.element, valley.element), figures.rest)),
    sources(data));
  update();
  rest();

  return {
    restore: (params) => go(settingsFrom(params, data)),
    unmount: () => {
      clearTimeout(writing);
      curve.remove();
      valley.remove();
    },
  };
}

function sources(data) {
  const line = (name, text) => [h("dt", {}, name), h("dd", {}, text)];
  return h("details", { class: "sources" }, h("summary", {}, "Where the figures come from"), h("dl", {},
    line("Loss", "The law chosen under Further dials; its source stands beneath it. Experts count by their active parameters."),
    line("Best size", "Where the loss falls as fast with size as with data, at 6ND FLOP."),
    line("Hours, energy", "6ND over peak and utilisation; utilisation of 55 published runs. Power of server and cooling, as measured or by Cottier et al. 2024."),
    line("Dollars", `Prices as dated beneath each figure, on ${data.date}. Amortised: wear by the progress of hardware, and energy (Cottier et al. 2024).`),
    line("Text", `${data.stock.source}: the indexed web, its good part, each token as often as it helps.`),
    line("Years", `${data.frontier.source}. The largest run grows from ${data.frontier.model} at the same pace.`),
    line("Scores", "Base models of Ruan et al. 2024 (arXiv:2405.10938), curves fitted by isoflop to log compute.")));
}
