// Charts: Vega-Lite specifications made by isoflop's report room, drawn for the room they have and the reader's mode.
// A chart keeps its view, so new rows cost one pass of Vega's dataflow and no compilation.

import { freshId, h, replace, setText } from "./dom.js";
import { csv, download } from "./save.js";

const NARROW = 480; // px: below it legends stack instead of standing side by side
const LEGEND_ENTRY = 74; // px that a legend entry such as "401k" takes
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let themes = null;

function configuration(width) {
  themes ??= JSON.parse(document.getElementById("themes").textContent);
  const config = structuredClone(themes[dark.matches ? "dark" : "light"]);
  config.padding = { left: 0, right: 6, top: 4, bottom: 6 };
  config.legend.columns = Math.max(1, Math.floor((width - 60) / LEGEND_ENTRY));
  if (width < NARROW) {
    config.legend.layout = { top: { direction: "vertical", anchor: "start", margin: 6 } };
    config.axis.labelFontSize = 11;
  }
  return config;
}

function split(spec) {
  const title = spec.title;
  const joined = (text) => (Array.isArray(text) ? text.join(" ") : text ?? "");
  const { title: _, config: __, ...rest } = spec;
  if (title && typeof title === "object" && !Array.isArray(title)) {
    return { finding: joined(title.text), detail: joined(title.subtitle), rest };
  }
  return { finding: joined(title), detail: "", rest };
}

// chart({ spec, name, data: { curve: rows }, height, renderer }) gives { element, set, ready, finding, view, redraw }.
// The specification names its changing data as {"data": {"name": "curve"}}; set("curve", rows) replaces the rows, and is
// cheap before the first drawing too. name: of the exported files. label: what the picture shows, for those who do not
// see it; by default the specification's description or its title. onDraw(view): called after each whole drawing, for
// what depends on the room that the chart has, such as which labels fit.
export function chart({ spec, name, data = {}, height = null, renderer = "canvas", label = "", exports = true, onDraw = null }) {
  const { finding, detail, rest } = split(spec);
  const room = h("div", { class: "live", role: "img", "aria-label": label || spec.description || finding || name });
  const head = h("p", { class: "finding" }, finding);
  const under = h("p", { class: "detail" }, detail);
  const rows = new Map(Object.entries(data));
  const changed = new Set();
  const state = { view: null, width: 0, drawing: null, again: false, gone: false };
  const figure = h("figure", { class: "chart", "data-chart": name }, head, under, room);
  if (exports) figure.append(exporting());

  function fitted(width) {
    const sized = "layer" in rest || "mark" in rest
      ? { width, autosize: { type: "fit-x", contains: "padding" } }
      : {};
    const datasets = { ...(rest.datasets ?? {}), ...Object.fromEntries(rows) };
    return { ...rest, ...(height ? { height } : {}), ...sized, datasets, config: configuration(width) };
  }

  async function draw() {
    if (state.gone) return;
    if (state.drawing) {
      state.again = true;
      return;
    }
    const width = Math.floor(room.clientWidth);
    if (width < 40) return;
    state.drawing = window.vegaEmbed(room, fitted(width), {
      mode: "vega-lite", renderer, ast: true, actions: false,
      tooltip: { theme: dark.matches ? "dark" : "light" },
    });
    changed.clear();
    try {
      const result = await state.drawing;
      state.result?.finalize();
      state.result = result;
      state.view = result.view;
      state.width = width;
      figure.classList.add("ready");
      onDraw?.(result.view);
    } catch (error) {
      replace(room, h("p", { class: "trouble" }, `This chart could not be drawn: ${error.message}`));
    }
    state.drawing = null;
    if (state.again || changed.size) {
      const whole = state.again;
      state.again = false;
      if (whole) await draw();
      else flush();
    }
  }

  function flush() {
    if (!state.view || state.drawing) return;
    for (const key of changed) state.view.data(key, rows.get(key).slice());
    changed.clear();
    state.view.run();
  }

  function set(key, values, now = true) {
    rows.set(key, values);
    changed.add(key);
    if (now) flush();
  }

  function exporting() {
    const say = h("span", { class: "said", role: "status" });
    const save = async (kind) => {
      if (!state.view) return;
      if (kind === "csv") {
        const sets = rows.size ? [...rows.values()] : Object.values(rest.datasets ?? {});
        const inline = sets.length ? sets : [rest.data?.values ?? []];
        download(`${name}.csv`, csv(inline.flat()), "text/csv");
      } else if (kind === "svg") download(`${name}.svg`, await state.view.toSVG(), "image/svg+xml");
      else {
        const address = await state.view.toImageURL("png", 2);
        const bytes = Uint8Array.from(atob(address.split(",")[1]), (c) => c.charCodeAt(0));
        download(`${name}.png`, new Blob([bytes], { type: "image/png" }), "image/png");
      }
      setText(say, `Saved ${name}.${kind}`);
    };
    return h("div", { class: "exports" }, h("span", { class: "off-screen" }, `Save the chart ${finding || name} as`),
      ["png", "svg", "csv"].map((kind) => h("button", {
        type: "button", class: "small", "data-save": kind, "aria-label": `Save ${finding || name} as ${kind.toUpperCase()}`,
        onclick: () => save(kind),
      }, kind.toUpperCase())), say);
  }

  let waiting = 0;
  const watcher = new ResizeObserver(() => {
    if (Math.abs(Math.floor(room.clientWidth) - state.width) < 2) return;
    clearTimeout(waiting);
    waiting = setTimeout(draw, state.width ? 120 : 0);
  });
  watcher.observe(room);
  const onMode = () => draw();
  dark.addEventListener("change", onMode);

  return {
    element: figure, set, flush, redraw: draw,
    get view() { return state.view; },
    title: (text, below) => {
      setText(head, text);
      if (below !== undefined) setText(under, below);
    },
    describe: (text) => room.setAttribute("aria-label", text),
    remove: () => {
      state.gone = true;
      watcher.disconnect();
      dark.removeEventListener("change", onMode);
      state.result?.finalize();
      figure.remove();
    },
  };
}

// A heading level, a chart and a foldable table of its rows, for those who would rather read figures.
export function numbers(summary, makeTable) {
  const room = h("div");
  const id = freshId("numbers");
  return h("details", { class: "numbers", id, ontoggle: (event) => {
    if (event.target.open) replace(room, makeTable());
  } }, h("summary", {}, summary), room);
}
