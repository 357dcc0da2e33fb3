// Draws every figure for the width it has and the mode (light or dark) the reader uses, and again when either changes.
"use strict";
(() => {
  const themes = JSON.parse(document.querySelector("script.themes").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const NARROW = 480; // px: below it legends stack instead of standing side by side
  const LEGEND_ENTRY = 74; // px that a legend entry such as "401k" takes

  function fitted(spec, width) {
    const config = structuredClone(themes[dark.matches ? "dark" : "light"]);
    config.padding = { left: 0, right: 2, top: 2, bottom: 6 };
    config.legend.columns = Math.max(2, Math.floor((width - 60) / LEGEND_ENTRY));
    if (width < NARROW) {
      config.legend.layout = { top: { direction: "vertical", anchor: "start", margin: 6 } };
      config.axis.labelFontSize = 11;
    }
    const sized = "layer" in spec || "mark" in spec
      ? { width, autosize: { type: "fit-x", contains: "padding" } }
      : {};
    return { ...spec, ...sized, config };
  }

  async function draw(figure) {
    const spec = JSON.parse(figure.querySelector("script.spec").textContent);
    const room = figure.querySelector(".live");
    const width = Math.floor(figure.clientWidth);
    const options = {
      mode: "vega-lite",
      renderer: "svg",
      ast: true, // interpret expressions: the page's policy forbids eval
      actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
      downloadFileName: "isoflop-figure",
      tooltip: { theme: dark.matches ? "dark" : "light" },
    };
    const result = await vegaEmbed(room, fitted(spec, width), options);
    room.querySelector("summary")?.setAttribute("aria-label", "Save this chart");
    figure.previous?.finalize();
    figure.previous = result;
    figure.drawnWidth = width;
    figure.classList.add("ready");
  }

  const figures = [...document.querySelectorAll("figure.chart")];
  const drawAll = () => figures.forEach((figure) => draw(figure));
  let waiting = 0;
  const watcher = new ResizeObserver(() => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      figures.filter((figure) => figure.drawnWidth !== Math.floor(figure.clientWidth)).forEach((figure) => draw(figure));
    }, 120);
  });
  dark.addEventListener("change", drawAll);
  figures.forEach((figure) => watcher.observe(figure));
})();
