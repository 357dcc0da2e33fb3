// Training curves of the runs shown.

import { chart } from "../core/charts.js";
import { h, setText } from "../core/dom.js";
import { chosenRuns, curveRows } from "./model.js";
import { fill, note, section } from "./parts.js";

const MOST = 60; // as many as the server sends at once
const AGAIN = 4000; // ms between two readings of the curves of a live study

export function curvesPart(study, app) {
  const picture = chart({ spec: app.data.charts.curves, name: "curves", data: { curves: [], ends: [], sizes: study.sizes() } });
  const say = h("p", { class: "said", role: "status" });
  picture.element.hidden = true;
  let asked = "";
  let readAt = 0;
  let held = null;
  let waiting = 0;

  function draw() {
    if (!held) return;
    const { lines, ends } = curveRows(held, study.shown());
    fill(picture, { curves: lines, ends, sizes: study.sizes() });
    const drawn = new Set(lines.map((line) => line.run)).size;
    const all = study.shown().length;
    setText(say, drawn ? `${drawn} of the ${all} runs shown have their curve drawn${drawn >= MOST ? `, at most ${MOST} at once` : ""}.`
      : "No training curves are kept for these runs: they came as a table, or have not begun.");
  }

  async function read() {
    const wanted = chosenRuns(study.shown(), MOST);
    const key = wanted.join(" ");
    const live = wanted.some((run) => study.rows.get(run).state === "running");
    if (held && key === asked && !(live && Date.now() - readAt > AGAIN)) return draw();
    asked = key;
    readAt = Date.now();
    try {
      held = await study.door.curves(wanted);
    } catch (error) {
      return setText(say, error.message);
    }
    return draw();
  }

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(read, 150);
  };
  read();
  const element = h("div", {}, section("Training curves", say, picture.element,
    note("Lines: training loss, the median of each short stretch, after the first 0.5 % of the tokens. Dots: loss on held-out text at the end.")));
  return {
    element, update: (what) => what !== "analysis" && soon(),
    remove: () => {
      clearTimeout(waiting);
      picture.remove();
    },
  };
}
