// Where the page's studies come from: what the file holds, or a server that tells of every change.

import { curvesOf } from "./model.js";

export async function ask(server, path, options = {}) {
  const response = await fetch(`${server.base}${path}`, {
    ...options, headers: { "x-isoflop-token": server.token, ...(options.headers ?? {}) },
  });
  const told = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Error(told.error ?? `The server answered ${response.status}.`);
  return told;
}

export async function listStudies(app) {
  if (!app.server) return Object.values(app.data.studies).map(({ key, name }) => ({ key, name }));
  return (await ask(app.server, "/api/studies")).studies;
}

// One study: { load, analysis, curves, log, listen, close }. handlers of listen: { runs, analysis, reset, trouble, line }.
export function openStudy(app, key) {
  if (!app.server) return heldStudy(app.data.studies[key]);
  const path = `/api/studies/${encodeURIComponent(key)}`;
  let events = null;
  const listen = (after, handlers) => {
    events?.close();
    events = new EventSource(`${app.server.base}${path}/events?after=${encodeURIComponent(after)}`);
    for (const kind of ["runs", "analysis", "reset", "trouble"]) {
      events.addEventListener(kind, (event) => handlers[kind]?.(JSON.parse(event.data)));
    }
    events.addEventListener("open", () => handlers.line?.(true));
    events.addEventListener("error", () => handlers.line?.(false));
  };
  return {
    load: () => ask(app.server, path),
    analysis: () => ask(app.server, `${path}/analysis`),
    curves: (runs) => ask(app.server, `${path}/curves?${runs.map((run) => `runs=${encodeURIComponent(run)}`).join("&")}`),
    log: async (run) => (await ask(app.server, `${path}/log?run=${encodeURIComponent(run)}`)).text,
    listen,
    close: () => events?.close(),
  };
}

function heldStudy(study) {
  const none = async () => null;
  return {
    load: async () => study,
    analysis: async () => ({ of: study.digest, steps: study.analysis, working: false }),
    curves: async () => curvesOf(study.curves),
    log: none, listen: () => {}, close: () => {},
  };
}

const MOST = 16 * 2 ** 20;

// A table of runs to the server, which makes a study of it.
export async function sendTable(server, file) {
  if (file.size > MOST) throw new Error("The table has more than 16 MiB. Compress it with gzip, or send fewer rows.");
  const address = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });
  const content = address.slice(address.indexOf(",") + 1);
  return ask(server, "/api/studies", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: file.name, content }),
  });
}
