// Tables: columns [{ name, title, write, number }], rows as objects.

import { h, replace, writeText } from "./dom.js";

export function table({ columns, rows, caption }) {
  const body = h("tbody");
  let cells = []; // by row, with what was written: as many rows as before keep their cells
  const said = (column, row) => (column.write ? column.write(row[column.name], row) : row[column.name] ?? "–");
  const make = (row) => columns.map((column, index) => {
    const text = said(column, row);
    const kind = index === 0 && !column.number ? "th" : "td";
    return { text, cell: h(kind, { class: column.number ? "number" : null, scope: kind === "th" ? "row" : null }, text) };
  });
  const change = (shown, text) => {
    if (shown.text === text) return;
    if (typeof text === "object" || typeof shown.text === "object") replace(shown.cell, text); // elements
    else writeText(shown.cell, String(text));
    shown.text = text;
  };
  const show = (lines) => {
    if (lines.length && lines.length === cells.length) {
      lines.forEach((row, k) => columns.forEach((column, index) => change(cells[k][index], said(column, row))));
      return;
    }
    cells = lines.map(make);
    replace(body, cells.map((row) => h("tr", {}, row.map(({ cell }) => cell))));
  };
  show(rows);
  const element = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "off-screen" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) =>
        h("th", { scope: "col", class: column.number ? "number" : null }, column.title)))), body));
  return { element, show };
}

// Figures by name whose texts change often: [{ key, label, hint }]. set(key, text, note) touches only what changed.
export function readings(entries) {
  const cells = new Map();
  const element = h("dl", { class: "readings" }, entries.map(({ key, label, hint }) => {
    const value = h("dd", { class: "value" });
    const note = h("dd", { class: "note" });
    const cell = h("div", { class: "reading", "data-key": key }, h("dt", {}, label), value, note);
    if (hint) cell.title = hint;
    cells.set(key, { cell, value, note, said: "", noted: "" });
    return cell;
  }));
  const set = (key, text, note = "") => {
    const shown = cells.get(key); // what was written is remembered: asking the document for it costs more than writing
    if (shown.said !== text) writeText(shown.value, (shown.said = text));
    if (shown.noted !== note) writeText(shown.note, (shown.noted = note));
  };
  return { element, set, cell: (key) => cells.get(key).cell };
}
