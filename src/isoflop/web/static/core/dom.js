// Elements out of values. Text only ever becomes text: nothing here, and nothing that uses it, writes markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_NAMES = new Set(["svg", "path", "circle", "rect", "line", "g", "text", "polyline", "polygon"]);

// h("button", { class: "quiet", onclick: save, disabled: true }, "Save"): attributes are set as such, on… as listeners,
// null, undefined and false are left out.
export function h(name, attributes = {}, ...children) {
  const element = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected") element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

// Text is set only where it changed: a browser paints nothing for a figure that stays the same.
export function setText(element, text) {
  if (element.textContent !== text) writeText(element, text);
}

// The text of an element that holds nothing else; the node that holds it stays, which spares the browser its style.
export function writeText(element, text) {
  const node = element.firstChild;
  if (node && node === element.lastChild && node.nodeType === Node.TEXT_NODE) node.data = text;
  else element.textContent = text;
}

let made = 0;
export function freshId(stem = "id") {
  made += 1;
  return `${stem}-${made}`;
}
