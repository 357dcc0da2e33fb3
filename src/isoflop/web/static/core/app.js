// The page's frame: which view is shown, its state in the link, what it was given.

import { h, replace } from "./dom.js";
import { unpacked } from "./packed.js";
import { readHash, writeHash } from "./state.js";

function block(id, otherwise) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : otherwise;
}

// A view: { id, label, title, mount(root, app) }. mount draws into root and may return { restore(params), unmount() }.
// app: { data, server, params, setParams(params, defaults), link(view, params) }. data: what Python put into the page for
// this view. server: null for a file; else { token, base } of the server that the page came from.
export function start(views) {
  const data = unpacked(block("data", { value: {}, parts: [] }));
  const server = block("server", null);
  const main = document.getElementById("main");
  const links = new Map();
  const list = document.getElementById("views");
  let current = null;
  let mounted = null;
  let written = "";

  for (const view of views) {
    const link = h("a", { href: `#/${view.id}` }, view.label);
    links.set(view.id, link);
    list.append(h("li", {}, link));
  }
  if (server && window.location.search) { // the key that opened the page stays out of the address
    window.history.replaceState(null, "", window.location.pathname + window.location.hash);
  }
  if (views.length < 2) list.closest("nav").hidden = true;

  function show() {
    const { view: asked, params } = readHash(window.location.hash);
    const view = views.find((one) => one.id === asked) ?? views[0];
    if (current === view) {
      if (window.location.hash !== written) mounted?.restore?.(params);
      return;
    }
    mounted?.unmount?.();
    current = view;
    for (const [id, link] of links) {
      if (id === view.id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${view.title} – isoflop`;
    const root = h("div", { class: `view view-${view.id}` });
    replace(main, root);
    const app = {
      data: data[view.id] ?? {}, shared: data.shared ?? {}, server, params,
      setParams: (values, defaults) => {
        written = writeHash(view.id, values, defaults);
        window.history.replaceState(null, "", written);
      },
      link: (id, values, defaults) => writeHash(id, values, defaults),
    };
    mounted = view.mount(root, app) ?? null;
    if (show.before) {
      main.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    show.before = true;
  }

  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the link's state lives behind the #
    main.focus();
  });
  window.addEventListener("hashchange", show);
  show();
  document.documentElement.classList.add("started");
}
