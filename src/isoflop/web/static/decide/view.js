// The decision page: predict, look, choose, ask, and take the summary along.

import { button, select, slider, announcer } from "../core/controls.js";
import { h, replace, setText } from "../core/dom.js";
import { money } from "../core/format.js";
import { perFrame } from "../core/frame.js";
import { keep, recall } from "../core/keep.js";
import { onScreen } from "../core/onscreen.js";
import { copyText, download } from "../core/save.js";
import { choiceFrom, numberFrom } from "../core/state.js";
import { table } from "../core/table.js";
import { asking as askingFor } from "./asking.js";
import { assumptionControls, questionControls } from "./controls.js";
import { baseline, choosing, headlines, mixture, planLine, returns, tornado, weigh, weighing, worths } from "./model.js";
import { pictures } from "./pictures.js";
import { RANGES, linkOf, optionsOf, planOf, settingFrom } from "./setting.js";
import { summaryText } from "./summary.js";
import { figureRow, sentencesOf, verdictText, waysOf } from "./told.js";
import { keptDraws, moved } from "./unknowns.js";
import { capital, choiceText, doubling, firstText, planText, share } from "./words.js";

const REST = 220; // ms without a move after which the full number of draws is computed
const SLICE = 6; // ms of that work between two frames
const NAMED = ["guess", "pick", "ask"];

export const view = { id: "decide", label: "Decide", title: "What to spend it on", mount };

function mount(root, app) {
  const { facts, draws, seed } = app.data;
  const labels = Object.fromEntries([...facts.unknowns.map((one) => [one.name, one.label]), ["law", "The law"]]);
  const few = keptDraws(seed, draws.moving, facts.tail);
  const many = keptDraws(seed, draws.still, facts.tail);
  const optionLabel = (name) => facts.options.find((one) => one.name === name).label;
  let setting = settingFrom(app.params, facts);
  let exercise = exerciseFrom(app.params, facts);
  let all = null; // the decision as it stands, with as many parts as are computed
  const last = new Map(); // what came of the few draws and of the many
  let resting = 0;
  let work = 0;

  // ---- what is asked, in steps
  const { optionChoice, reason, gate } = askingFor(
    { facts, setting: () => setting, exercise: () => exercise, remember, advance },
  );
  const question = questionControls(setting, change);
  const planned = h("p", { class: "plan" });
  const guess = optionChoice("Which would lower the loss most?", "guess");
  const sure = slider({
    label: "How sure are you?", min: 20, max: 100, step: 5, value: exercise.sure, write: (value) => `${Math.round(value)} %`,
    onInput: (value) => { exercise.sure = Math.round(value); remember(); },
  });
  const why = reason("Why? A sentence or two, before you see a figure.", "why");
  const predict = gate("Show what comes out", 2, "guess", "Choose an option", "why");
  const assumptions = assumptionControls(setting, facts, change);
  const shown = pictures(app.data.specs, labels, { options: facts.options, budget: setting.budget });
  const verdict = h("p", { class: "verdict" });
  const basis = h("p", { class: "hint basis" });
  const figures = table({
    caption: "The options and what they bring", rows: [], columns: [
      { name: "option", title: "Option" }, { name: "fall", title: "Loss falls by (nats a token, 80 %)", number: true },
      { name: "like", title: "Like compute (80 %)", number: true }, { name: "best", title: "Best in", number: true },
    ],
  });
  const sentences = h("div", { class: "sentences" });
  const pick = optionChoice("What do you choose?", "pick");
  const because = reason("What decides it? Name the figures that you rely on, and what would not improve.", "because");
  const choose = gate("Ask what to find out first", 4, "pick", "Choose an option", "because");
  const ask = select({
    label: "Which one thing would you find out before spending?", options: [["", "choose …"]], value: "",
    onInput: (name) => { exercise.ask = name; remember(); },
  });
  const asking = reason("Put it as a question that a measurement can answer.", "question");
  const compare = gate("Compare with what knowing is worth", 5, "ask", "Choose one thing", "question");
  const first = h("p", { class: "verdict" });
  const split = h("p", {});
  const ways = h("dl", { class: "ways" });
  const summary = h("textarea", { rows: 16, readonly: true, "aria-label": "Summary as text", class: "summary" });
  const told = announcer();
  const spoken = announcer();
  spoken.element.classList.add("off-screen");

  const steps = {
    2: h("section", { class: "step" }, h("h2", {}, "2. Look"), verdict, basis, h("div", { class: "look" },
      shown.gains.element, assumptions.element,
      h("div", { class: "rest" }, figures.element, shown.returns.element, h("h3", {}, "What would improve, and what "
        + "would not"), sentences))),
    3: h(
      "section", { class: "step" }, h("h2", {}, "3. Choose"),
      h("div", { class: "asked" }, pick.element, because.element, choose.element),
    ),
    4: h(
      "section", { class: "step" }, h("h2", {}, "4. Ask"),
      h("div", { class: "asked" }, ask.element, asking.element, compare.element),
    ),
    5: h("section", { class: "step" }, h("h2", {}, "5. What knowing is worth"), first, split,
      h("div", { class: "pair" }, shown.worth.element, shown.tornado.element), h("h3", {}, "How to find out"), ways,
      h("h2", {}, "Your summary"), h("p", {}, "Your words with the figures behind them, to paste into a proposal."), summary,
      h("div", { class: "buttons" }, button("Copy", copy, "main"), button("Save as Markdown", save), button("Start "
        + "over", startOver), told.element)),
  };
  root.append(
    h("h1", {}, "What to spend it on"),
    h("p", { class: "lead" }, "Would a budget make a language model better if it went into compute, a better "
      + "algorithm or data; how sure is "
      + "that, and what should you find out before you spend it?"),
    h("section", { class: "step" }, h("h2", {}, "1. Predict"), question.element, planned, optionList(facts),
      h("div", { class: "asked" }, guess.element, sure.element, why.element, predict.element)),
    steps[2], steps[3], steps[4], steps[5], spoken.element,
  );

  // ---- the work
  const screen = onScreen([shown.gains.element, figures.element]);
  const headline = perFrame(() => {
    const now = asked();
    const made = weigh(facts, now, few, last.get(few));
    last.set(few, made);
    all = { made, asked: now, heads: headlines(made, facts.level), baseline: planLine(made), law: app.data.law_words };
    paintHeadline(true);
    root.dataset.painted = String(Number(root.dataset.painted ?? 0) + 1);
  });

  function change(part) {
    if (part.middle) setting.middles[part.middle[0]] = part.middle[1];
    else if (part.known) setting.known[part.known[1] ? "add" : "delete"](part.known[0]);
    else Object.assign(setting, part);
    const moving = part.middle || Object.keys(part).every((name) => RANGES[name]);
    if (part.middle) assumptions.row(part.middle[0]).show(setting);
    refresh(!moving);
  }

  // anew: what may be set or chosen has changed, and not only a handle's place.
  function refresh(anew = true) {
    if (anew) {
      question.show(setting);
      assumptions.show(setting);
      offer();
    }
    headline();
    clearTimeout(resting);
    work += 1;
    if (root.classList.contains("settled")) unsettle();
    resting = setTimeout(() => { link(); settle(work); }, REST);
  }

  function asked() {
    const unknowns = Object.fromEntries(facts.unknowns.map((one) =>
      [one.name, moved(one, setting.middles[one.name] ?? one.middle, setting.known.has(one.name))]));
    const laws = setting.law === "all" ? null : [facts.laws.findIndex((law) => law.name === setting.law)];
    return {
      budget: setting.budget, plan: planOf(setting), options: setting.options, unknowns, laws,
      progress: setting.progress, repeats: setting.repeats,
      grades: Object.fromEntries(optionsOf(setting, facts).map((one) => [one.name, one.grades])),
    };
  }

  // Everything, from all draws; between two yields nothing takes long.
  function* settling() {
    const now = asked();
    const made = yield* weighing(facts, now, many, last.get(many));
    last.set(many, made);
    const heads = headlines(made, facts.level);
    const now_ = { made, asked: now, heads, baseline: baseline(made, facts.level), law: app.data.law_words };
    yield;
    now_.choices = yield* choosing(made, facts.level);
    all = now_;
    paintHeadline(false);
    yield;
    if (exercise.step < 2) return;
    all.curves = yield* returns(made, draws.returns);
    yield* paintReturns();
    if (exercise.step < 5) return;
    yield;
    all.worth = yield* worths(made, all.curves[made.best]);
    all.swings = yield* tornado(made, draws.swings);
    all.split = yield* mixture(made, draws.splits, facts.most_splits);
    yield* paintAsked();
  }

  function unsettle() {
    root.classList.remove("settled");
    setText(basis, `${draws.moving} draws while a handle moves; what stands further below follows once it rests.`);
  }

  function settle(mine) {
    const steps_ = settling();
    const slice = () => {
      if (mine !== work) return;
      const until = performance.now() + SLICE;
      let step = { done: false };
      while (!step.done && performance.now() < until) step = steps_.next();
      if (!step.done) setTimeout(slice, 0);
      else {
        root.classList.add("settled");
        setText(basis, `${draws.still.toLocaleString("en")} draws; everything below is as the handles stand.`);
        const { made } = all;
        if (exercise.step >= 2) spoken.say(
          `${capital(made.options[made.best].label)} is best in ${share(made.likely[made.best])} of the draws.`
        );
      }
    };
    slice();
  }

  // moving: only what is on the screen; the rest follows when the handle rests.
  function paintHeadline(moving) {
    setText(planned, `${money(setting.budget)} on top of ${planText(all)}.`);
    if (exercise.step < 2) return;
    setText(verdict, verdictText(all, exercise));
    if (!moving || screen.has(shown.gains.element)) shown.showGains(all.made, !moving);
    if (!moving || screen.has(figures.element)) figures.show(all.heads.map(figureRow));
  }

  function* paintReturns() {
    shown.showReturns(all.made, all.curves, doubling(all, all.made.best));
    yield;
    replace(sentences, sentencesOf(all));
  }

  function* paintAsked() {
    replace(first, h("strong", {}, "Find out first. "), firstText(all));
    setText(split, choiceText(all));
    yield* shown.showAsked(all);
    replace(ways, waysOf(all, shown.nameOf));
    write();
  }

  function write() {
    if (!all?.split) return;
    summary.value = summaryText({
      all, setting, facts, exercise, nameOf: shown.nameOf, draws: draws.still,
      link: app.link("decide", linkParams(), defaults()),
    });
  }

  // ---- the exercise
  function advance(next) {
    exercise.step = Math.max(exercise.step, next);
    remember();
    unfold();
    refresh();
    const heading = steps[next].querySelector("h2");
    heading.tabIndex = -1;
    heading.focus();
  }

  function unfold() {
    for (const [step, element] of Object.entries(steps)) element.hidden = exercise.step < (step === "3" ? 2 : Number(step));
  }

  // What may be chosen follows what is weighed.
  function offer() {
    guess.show();
    pick.show();
    const names = [...(last.get(few)?.open.map((one) => one.name) ?? []), ...(setting.law === "all" ? ["law"] : [])];
    replace(
      ask.input,
      [["", "choose …"], ...names.map((name) => [name, labels[name]])].map(([key, text]) => h("option", { value: key }, text)),
    );
    if (!names.includes(exercise.ask)) exercise.ask = "";
    ask.set(exercise.ask);
  }

  function remember() {
    keep("decide", { why: exercise.why, because: exercise.because, question: exercise.question });
    link();
    write();
  }

  function startOver() {
    setting = settingFrom({}, facts);
    exercise = { ...exerciseFrom({}, facts), why: "", because: "", question: "" };
    showExercise();
    remember();
    refresh();
    root.querySelector("h1").scrollIntoView();
  }

  function showExercise() {
    unfold();
    for (const one of [guess, pick, why, because, asking]) one.show();
    sure.set(exercise.sure);
  }

  function defaults() {
    return { ...linkOf(settingFrom({}, facts), facts), step: 1, sure: 60 };
  }

  function linkParams() {
    return {
      ...linkOf(setting, facts), step: exercise.step, sure: exercise.sure,
      ...Object.fromEntries(NAMED.map((name) => [name, exercise[name]]))
    };
  }

  function link() {
    app.setParams(linkParams(), defaults());
  }

  async function copy() {
    told.say((await copyText(summary.value)) ? "Copied." : "The browser would not copy; select the text and copy it by hand.");
  }

  function save() {
    download("decision.md", summary.value, "text/markdown");
    told.say("Saved decision.md");
  }

  last.set(few, weigh(facts, asked(), few));
  offer();
  unfold();
  refresh();
  return {
    restore: (params) => {
      setting = settingFrom(params, facts);
      exercise = exerciseFrom(params, facts);
      showExercise();
      refresh();
    },
    unmount: () => {
      clearTimeout(resting);
      work += 1;
      screen.stop();
      shown.remove();
    },
  };
}

function exerciseFrom(params, facts) {
  const names = facts.options.map((one) => one.name);
  const words = recall("decide", {});
  return {
    step: Math.round(
      numberFrom(params, "step", { min: 1, max: 5, usual: 1 })
    ), sure: numberFrom(params, "sure", { min: 20, max: 100, usual: 60 }),
    guess: choiceFrom(params, "guess", names, ""), pick: choiceFrom(params, "pick", names, ""),
    ask: choiceFrom(params, "ask", [...facts.unknowns.map((one) => one.name), "law"], ""),
    why: String(words.why ?? ""), because: String(words.because ?? ""), question: String(words.question ?? ""),
  };
}

function optionList(facts) {
  return h("dl", { class: "options" }, facts.options.filter((one) => !one.asked).map((one) =>
    h("div", {}, h("dt", {}, one.label), h("dd", {}, one.what))));
}
