// Where the dial stands, above the picture of the curve while it moves.

import { h } from "../core/dom.js";

// curve: a chart of core/charts.js with scales x and y. hide(): takes its own mark of the place away.
export function makeMarker(curve, hide) {
  const rule = h("div", { class: "rule" });
  const bar = h("div", { class: "bar" });
  const dot = h("div", { class: "dot" });
  const element = h("div", { class: "marker", hidden: true, "aria-hidden": "true" }, rule, bar, dot);
  curve.element.append(element);
  let place = null;

  // Where the picture's axes lie in the figure, known once it is drawn.
  function settle() {
    const { view } = curve;
    const canvas = curve.element.querySelector("canvas");
    if (!view || !canvas) return;
    const box = canvas.getBoundingClientRect();
    const figure = curve.element.getBoundingClientRect();
    const [left, top] = view.origin();
    const around = view.padding();
    place = {
      left: box.left - figure.left + around.left + left, top: box.top - figure.top + around.top + top,
      height: view.height(), x: view.scale("x"),
    };
  }

  function move({ flops, loss, low, high }) {
    if (!place || !curve.view) return;
    if (element.hidden) {
      settle(); // texts above the picture may have grown or shrunk
      element.hidden = false;
      hide();
    }
    const x = place.left + place.x(flops);
    const [at, top, bottom] = [loss, high, low].map((value) => Math.min(place.height, Math.max(0, curve.view.scale("y")(value))));
    rule.style.transform = `translate(${x}px, ${place.top}px)`;
    rule.style.height = `${place.height}px`;
    bar.style.transform = `translate(${x}px, ${place.top + top}px)`;
    bar.style.height = `${Math.max(1, bottom - top)}px`;
    dot.style.transform = `translate(${x}px, ${place.top + at}px)`;
  }

  return { move, settle, hide: () => { element.hidden = true; } };
}
