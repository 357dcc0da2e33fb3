// The study page: a team's runs as they land, what they teach, and what to train next.

import { announcer, button, choice, select } from "../core/controls.js";
import { h, replace, setText } from "../core/dom.js";
import { count, duration, fixed, flops, money, percent } from "../core/format.js";
import { choiceFrom } from "../core/state.js";
import { readings } from "../core/table.js";
import { perFrame } from "../core/frame.js";
import { checksPart } from "./checks.js";
import { curvesPart } from "./curves.js";
import { filters } from "./filters.js";
import { lawPart } from "./law.js";
import { NO_FILTER, ago, filterRows, mergeColumns, namedSizes, sentence, summary } from "./model.js";
import { nextPart } from "./next.js";
import { trouble } from "./parts.js";
import { runsPart } from "./runs.js";
import { listStudies, openStudy, sendTable } from "./source.js";

const PARTS = [["runs", "Runs", runsPart], ["curves", "Curves", curvesPart], ["law", "Law", lawPart],
  ["checks", "Checks", checksPart], ["next", "Next run", nextPart]];
const FILTERS = ["q", "state", "n0", "n1", "d0", "d1"];
const roughly = (seconds) => (seconds < 90 ? Math.max(5, 5 * Math.round(seconds / 5)) : 60 * Math.round(seconds / 60));

export const view = {
  id: "study", label: "Study", title: "The study",
  mount(root, app) {
    const page = new StudyPage(root, app);
    page.begin();
    return { restore: (params) => page.restore(params), unmount: () => page.leave() };
  },
};

class StudyPage {
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.params = app.params;
    this.study = null;
    this.part = null;
    this.room = h("div");
    this.choosing = h("div", { class: "choosing" });
    this.said = announcer();
    replace(root, this.choosing, this.room, app.server ? this.uploader() : null);
    this.ticking = setInterval(() => this.showLine(), 1000);
  }

  async begin() {
    try {
      this.known = await listStudies(this.app);
    } catch (error) {
      replace(this.room, h("h1", {}, "The study"), trouble(error.message));
      return;
    }
    this.showChoosing();
    const wanted = this.known.find((one) => one.key === this.params.study) ?? this.known[0];
    if (wanted) await this.open(wanted.key);
    else this.showNone();
  }

  showNone() {
    replace(this.room, h("h1", {}, "No study yet"),
      h("p", { class: "lead" }, "Give one when you start: ", h("code", {}, "isoflop serve my-ladder/"),
        ". A ladder's folder, a store or a table of runs will do."));
  }

  showChoosing() {
    const parts = [];
    if (this.known.length > 1) {
      parts.push(select({
        label: "Study", options: this.known.map(({ key, name }) => [key, name]), value: this.params.study ?? this.known[0].key,
        onInput: (key) => {
          this.params = {};
          this.open(key);
        },
      }).element);
    }
    replace(this.choosing, parts);
    this.choosing.hidden = !parts.length;
  }

  uploader() {
    const input = h("input", {
      type: "file", class: "off-screen", tabindex: -1, "aria-label": "A table of runs", accept: ".csv,.tsv,.json,.jsonl,.ndjson,.parquet,.gz",
    });
    const send = async () => {
      const [file] = input.files;
      if (!file) return;
      this.said.say(`Reading ${file.name}…`);
      try {
        const { key, name } = await sendTable(this.app.server, file);
        this.known = [...this.known.filter((one) => one.key !== key), { key, name }];
        this.params = { study: key };
        this.showChoosing();
        await this.open(key);
        this.said.say(`${name} is read.`);
      } catch (error) {
        this.said.say(error.message);
      }
      input.value = "";
    };
    input.addEventListener("change", send);
    return h("section", { class: "upload" }, h("h2", {}, "A table of your own"), input, h("div", { class: "buttons" },
      button("Fit a table of runs…", () => input.click()), this.said.element),
    h("p", { class: "hint" }, "CSV, TSV, JSON Lines, JSON or Parquet, gzip allowed, up to 16 MiB. It goes to the server that this page came from, is held in its memory and nowhere else."));
  }

  async open(key) {
    this.close();
    const door = openStudy(this.app, key);
    const study = this.study = {
      key, door, payload: null, rows: new Map(), analysis: { of: "", steps: {}, working: false }, params: this.params,
      filter: this.filterOf(this.params), connected: !this.app.server,
      shown: () => filterRows([...study.rows.values()], study.filter),
      sizes: () => namedSizes([...study.rows.values()], count),
      remember: (values) => this.remember(values),
    };
    try {
      await this.load(study);
    } catch (error) {
      if (this.study === study) replace(this.room, h("h1", {}, "The study"), trouble(error.message));
      return;
    }
    if (this.study !== study) return;
    this.frame();
    this.listen(study);
    await this.learn(study);
    this.root.classList.add("study-ready");
  }

  async load(study) {
    const payload = await study.door.load();
    study.payload = payload;
    study.rows = mergeColumns(new Map(), payload.columns);
  }

  async learn(study) {
    let told;
    try {
      told = await study.door.analysis();
    } catch (error) {
      this.said.say(error.message);
      return;
    }
    if (this.study !== study) return;
    study.analysis = told;
    this.update("analysis");
  }

  listen(study) {
    if (!this.app.server) return;
    const learn = perFrame(() => this.learn(study));
    study.door.listen(study.payload.event, {
      runs: ({ columns, ...rest }) => {
        Object.assign(study.payload, rest);
        mergeColumns(study.rows, columns);
        this.update("runs");
      },
      analysis: learn,
      trouble: ({ says }) => this.showTrouble(says),
      reset: async () => {
        await this.load(study);
        if (this.study !== study) return;
        this.listen(study);
        this.update("runs");
        learn();
      },
      line: (connected) => {
        study.connected = connected;
        this.showLine();
      },
    });
  }

  frame() {
    const { study } = this;
    this.lead = h("p", { class: "lead" });
    this.line = h("p", { class: "line" });
    this.problem = h("div");
    this.figures = readings([
      { key: "done", label: "Runs done" }, { key: "best", label: "Lowest loss, nats per token" }, { key: "flops", label: "Compute trained, FLOP" },
      { key: "speed", label: "Speed, tokens/s" }, { key: "left", label: "Time left" }, { key: "hours", label: "Device-hours" },
      { key: "law", label: "Laws leave over" }, { key: "held", label: "Backtest: runs inside 90 %" },
    ]);
    this.filters = filters({ value: study.filter, onInput: (filter) => {
      study.filter = filter;
      this.remember(filter);
      this.update("filter");
    } });
    this.tabs = choice({
      label: "Show", options: PARTS.map(([key, label]) => [key, label]), value: choiceFrom(this.params, "part", PARTS.map(([key]) => key), "runs"),
      onInput: (key) => {
        this.remember({ part: key });
        this.showPart(key);
      },
    });
    this.partRoom = h("div", { class: "part" });
    const notes = study.payload.notes.length
      ? h("details", { class: "numbers" }, h("summary", {}, "How the runs were read"), h("ul", {}, study.payload.notes.map((text) => h("li", {}, text))))
      : null;
    this.filterRoom = h("details", { class: "filter-room", open: window.innerWidth > 860 }, h("summary", {}, "Filter"), this.filters.element);
    replace(this.room, h("h1", {}, study.payload.name), this.lead, this.line, this.problem, this.figures.element, this.tabs.element,
      this.filterRoom, this.partRoom, notes);
    this.showPart(this.tabs.get());
    this.update("runs");
  }

  showPart(key) {
    this.part?.remove();
    const [, , make] = PARTS.find(([name]) => name === key);
    this.part = make(this.study, this.app);
    this.filterRoom.hidden = key === "next";
    replace(this.partRoom, this.part.element);
  }

  update(what) {
    if (!this.figures) return;
    this.showFigures();
    this.filters.say(this.study.shown().length, this.study.rows.size);
    this.part?.update(what);
    this.showLine();
  }

  showFigures() {
    const { study } = this;
    const all = summary([...study.rows.values()]);
    const { progress } = study.payload;
    const law = study.analysis.steps.law;
    const backtest = study.analysis.steps.backtest;
    setText(this.lead, sentence(all));
    const set = (key, shown, text, note = "") => {
      this.figures.cell(key).hidden = !shown;
      if (shown) this.figures.set(key, text, note);
    };
    set("done", true, `${all.counts.done} of ${all.runs}`);
    set("best", all.best !== null, all.best ? fixed(all.best.loss, 4) : "", all.best ? `${count(all.best.params)} on ${count(all.best.tokens)} tokens` : "");
    set("flops", true, flops(all.flops).replace(" FLOP", ""), all.flops < 0.999 * all.total ? `of ${flops(all.total)}` : "");
    set("speed", Boolean(progress?.tokens_per_second), count(progress?.tokens_per_second ?? 0), `${progress?.running.length ?? 0} at a time`);
    const left = progress?.coordinator ? progress.seconds_left : null;
    set("left", Boolean(left), left ? `about ${duration(roughly(left))}` : "");
    const cost = progress?.cost_usd;
    set("hours", Boolean(progress?.device_hours), count(progress?.device_hours ?? 0), cost ? `${money(cost)} so far` : "");
    set("law", Boolean(law?.rms), law?.rms ? percent(law.rms) : "", law?.n_runs ? `of the loss, over ${law.n_runs} runs` : "");
    const held = backtest?.coverage?.find((row) => row.promised === 0.9)?.held;
    set("held", held !== undefined, held === undefined ? "" : percent(held), held === undefined ? "" : `of ${backtest.targets} forecasts`);
  }

  showLine() {
    if (!this.study?.payload || !this.line) return;
    const { payload, connected, analysis } = this.study;
    const when = ago(payload.at, Date.now());
    const who = payload.progress?.coordinator;
    const doing = analysis.working ? " What the runs teach is being worked out." : "";
    this.line.classList.toggle("lost", Boolean(this.app.server) && !connected);
    if (!this.app.server) setText(this.line, `As it was ${when.startsWith("on") ? when : `on ${payload.at.slice(0, 16).replace("T", " ")} UTC`}.`);
    else if (!connected) setText(this.line, "The line to the server is lost; trying again. What is shown may be old.");
    else setText(this.line, `${payload.live ? "Live" : "Uploaded"}, last change ${when}.${who ? ` Being trained ${payload.progress.on === "local" ? "by local workers" : `on ${payload.progress.on}`}.` : ""}${doing}`);
  }

  showTrouble(says) {
    if (this.problem) replace(this.problem, says ? trouble(says) : null);
  }

  filterOf(params) {
    const filter = { ...NO_FILTER };
    for (const key of FILTERS) {
      if (params[key] === undefined || params[key] === "") continue;
      const value = key === "q" || key === "state" ? params[key] : Number(params[key]);
      if (typeof value === "string" || Number.isFinite(value)) filter[key] = value;
    }
    return filter;
  }

  remember(values) {
    this.params = { ...this.params, ...values, study: this.study.key };
    this.study.params = this.params;
    this.app.setParams(this.params, { ...NO_FILTER, part: "runs", study: this.known[0]?.key });
  }

  restore(params) {
    this.params = params;
    const key = params.study ?? this.known?.[0]?.key;
    if (!this.study || key !== this.study.key) {
      this.showChoosing();
      if (key) this.open(key);
      return;
    }
    this.study.params = params;
    this.study.filter = this.filterOf(params);
    this.filters.set(this.study.filter);
    this.tabs.set(choiceFrom(params, "part", PARTS.map(([name]) => name), "runs"));
    this.showPart(this.tabs.get());
    this.update("filter");
  }

  close() {
    this.study?.door.close();
    this.part?.remove();
    this.part = null;
    this.figures = null;
    this.root.classList.remove("study-ready");
  }

  leave() {
    clearInterval(this.ticking);
    this.close();
    this.study = null;
  }
}
