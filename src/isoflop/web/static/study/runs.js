// The runs: what was trained against what it reached, and a table that opens each.

import { chart } from "../core/charts.js";
import { button } from "../core/controls.js";
import { h, replace, setText } from "../core/dom.js";
import { count, duration, fixed, flops } from "../core/format.js";
import { csv, download } from "../core/save.js";
import { dots, sortRows } from "./model.js";
import { fill, note, section, trouble } from "./parts.js";

const PAGE = 50; // rows drawn at first
const COLUMNS = [
  { key: "label", title: "Run", write: (row) => row.label },
  { key: "state", title: "State", write: stateCell },
  { key: "loss", title: "Loss", number: true, write: loss },
  { key: "params", title: "Parameters", number: true, write: (row) => count(row.params) },
  { key: "tokens", title: "Tokens", number: true, write: (row) => count(row.tokens) },
  { key: "flops", title: "Compute", number: true, write: (row) => flops(row.flops, 3) },
  { key: "speed", title: "Tokens/s", number: true, write: (row) => (row.speed === null ? "–" : count(row.speed)) },
];

function loss(row) {
  if (row.loss === null) return "–";
  return row.state === "done" ? fixed(row.loss, 4) : `≈ ${fixed(row.loss, 2)}`;
}

function stateCell(row) {
  if (row.state !== "running" && !(row.state === "planned" && row.share)) return row.state;
  const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("span", {}));
  bar.firstChild.style.width = `${100 * row.share}%`;
  return [`${row.state} ${Math.round(100 * row.share)} %`, bar];
}

export function runsPart(study, app) {
  const sort = { key: "state", down: false };
  let all = false;
  let open = null;
  const heads = new Map();
  const body = h("tbody");
  const more = button("", () => {
    all = true;
    draw();
  }, "small");
  const say = h("p", { class: "said", role: "status" });
  const detail = h("div", { class: "detail-room" });
  const picture = chart({ spec: app.data.charts.runs, name: "runs", data: { runs: [], sizes: study.sizes() } });

  const header = COLUMNS.map((column) => {
    const turn = button(column.title, () => {
      sort.down = sort.key === column.key ? !sort.down : false;
      sort.key = column.key;
      draw();
    }, "sort");
    const cell = h("th", { scope: "col", class: column.number ? "number" : null }, turn);
    heads.set(column.key, cell);
    return cell;
  });
  const save = button("Save as CSV", () => {
    const rows = sortRows(study.shown(), sort.key, sort.down).map(({ label, fitted, ...row }) => row);
    download(`${study.payload.key}-runs.csv`, csv(rows), "text/csv");
    setText(say, `Saved ${rows.length} runs`);
  }, "small");
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Runs" },
    h("table", { class: "runs" }, h("caption", { class: "off-screen" }, "Runs of the study"),
      h("thead", {}, h("tr", {}, header)), body));

  function line(row) {
    return h("tr", { "data-run": row.run_id, class: `state-${row.state}` }, COLUMNS.map((column, i) => {
      if (i === 0) return h("th", { scope: "row" }, h("button", { type: "button", class: "open", onclick: () => show(row.run_id) }, row.label));
      return h("td", { class: column.number ? "number" : null }, column.write(row));
    }));
  }

  function draw() {
    const rows = sortRows(study.shown(), sort.key, sort.down);
    for (const [key, cell] of heads) {
      if (key === sort.key) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    replace(body, rows.slice(0, all ? rows.length : PAGE).map(line));
    more.hidden = all || rows.length <= PAGE;
    setText(more, `Show all ${rows.length} rows`);
    fill(picture, { runs: dots(rows), sizes: study.sizes() });
    if (open) describe();
  }

  async function show(run_id) {
    open = run_id;
    describe();
    detail.scrollIntoView({ block: "nearest" });
    if (!study.payload.logs) return;
    try {
      const text = await study.door.log(run_id);
      if (open === run_id && text) {
        detail.querySelector(".log")?.replaceChildren(h("h4", {}, "Last lines of its worker"),
          h("pre", { tabindex: 0, role: "region", "aria-label": "Log" }, h("code", {}, text)));
      }
    } catch (error) {
      if (open === run_id) detail.querySelector(".log")?.replaceChildren(trouble(error.message));
    }
  }

  function describe() {
    const row = study.rows.get(open);
    if (!row) return;
    const kept = detail.querySelector(`[data-detail="${CSS.escape(open)}"] .log`);
    const left = row.speed && row.state === "running" ? ((1 - row.share) * row.tokens) / row.speed : null;
    const facts = [["Name", row.name || "–"], ["Identity", row.run_id], ["Parameters", count(row.params, 4)],
      ["Tokens", `${count(row.tokens, 4)}, ${count(row.tokens / row.params)} a parameter`], ["Compute", flops(row.flops, 4)],
      ["State", row.state === "running" ? `running, ${Math.round(100 * row.share)} % trained` : row.state],
      ["Loss", row.loss === null ? "–" : `${loss(row)}${row.loss_se ? ` ± ${fixed(row.loss_se, 4)}` : ""} nats per token`],
      ...(left ? [["Left", `about ${duration(left)}`]] : []), ...(row.note ? [["Note", row.note]] : [])];
    replace(detail, h("div", { class: "panel", "data-detail": open },
      h("div", { class: "panel-head" }, h("h3", {}, row.label), button("Close", () => {
        open = null;
        replace(detail);
      }, "small")),
      h("dl", { class: "facts" }, facts.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)])),
      kept ?? h("div", { class: "log" })));
  }

  const element = h("div", {}, picture.element,
    section("Runs", h("div", { class: "buttons" }, save, say), table, more, detail,
      note("A loss marked ≈ is that of the last batch of a run in training; the others are held-out losses.")));
  draw();
  return { element, update: (what) => what !== "analysis" && draw(), remove: () => picture.remove() };
}
