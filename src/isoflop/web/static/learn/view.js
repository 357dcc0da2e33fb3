// The lessons: a list with how far one has come, and one lesson at a time.

import { button } from "../core/controls.js";
import { h, replace, setText } from "../core/dom.js";
import { forget, keep, recall } from "../core/keep.js";
import { makeExercise } from "./exercises.js";
import { makeFigure } from "./figures.js";
import { judge, progressOf } from "./model.js";
import { rich } from "./words.js";

const MEMORY = "learn.1";

export const view = { id: "learn", label: "Learn", title: "Lessons", mount };

function mount(root, app) {
  const { lessons, figures } = app.data;
  const memory = recall(MEMORY, {});
  let drawn = [];

  const save = () => keep(MEMORY, memory);
  const answersOf = (lesson) => memory[lesson.id] ?? {};
  const progress = (lesson) => progressOf(lesson, answersOf(lesson));

  function clear() {
    drawn.forEach((one) => one.remove());
    drawn = [];
  }

  function open(params) {
    clear();
    const lesson = lessons.find((one) => one.id === params.lesson);
    document.title = `${lesson ? lesson.title : "Lessons"} – isoflop`;
    replace(root, lesson ? lessonPage(lesson) : listPage());
  }

  function listPage() {
    const entries = lessons.map((lesson) => {
      const { done, of } = progress(lesson);
      const state = done === 0 ? "" : done === of ? "done" : `${done} of ${of} done`;
      return h("li", { class: done === of ? "lesson done" : "lesson" },
        h("a", { href: app.link("learn", { lesson: lesson.id }, {}) }, rich(lesson.title)),
        h("p", {}, rich(lesson.summary)),
        h("p", { class: "hint" }, [`${lesson.minutes} minutes, ${of} questions`, state].filter(Boolean).join(" · ")));
    });
    return [
      h("h1", { tabindex: -1 }, "Scaling in eight short lessons".replace("eight", countWord(lessons.length))),
      h("p", { class: "lead" }, "Each takes a few minutes: a little text, something to move, and questions. What you answer stays in this browser."),
      h("ol", { class: "lessons" }, entries),
      resetting(() => lessons.some((lesson) => memory[lesson.id]), "Forget all answers", () => {
        forget(MEMORY);
        Object.keys(memory).forEach((name) => delete memory[name]);
        open({});
        arrive();
      }),
    ];
  }

  function lessonPage(lesson) {
    const place = lessons.indexOf(lesson);
    const bar = h("progress", { max: progress(lesson).of, value: progress(lesson).done, "aria-label": "Questions done" });
    const said = h("span", { class: "said", role: "status" });
    const tell = () => {
      const { done, of } = progress(lesson);
      bar.value = done;
      setText(said, `${done} of ${of} questions done`);
    };
    tell();
    const waiting = new Map();
    const blocks = lesson.blocks.map((block) => drawBlock(lesson, block, waiting, tell));
    const step = (by, text) => {
      const other = lessons[place + by];
      return other ? h("a", { href: app.link("learn", { lesson: other.id }, {}) }, text(other.title)) : null;
    };
    return h("article", { class: "lesson-page" },
      h("p", { class: "crumbs" }, h("a", { href: "#/learn" }, "All lessons"), ` · ${place + 1} of ${lessons.length} · ${lesson.minutes} minutes`),
      h("h1", { tabindex: -1 }, rich(lesson.title)), h("p", { class: "lead" }, rich(lesson.summary)),
      blocks,
      h("div", { class: "progress" }, bar, said),
      h("nav", { class: "steps", "aria-label": "Lessons" }, step(-1, (title) => `← ${title}`), step(1, (title) => `${title} →`)),
      resetting(() => Object.keys(answersOf(lesson)).length > 0, "Start this lesson again", () => {
        delete memory[lesson.id];
        save();
        open({ lesson: lesson.id });
        arrive();
      }));
  }

  function drawBlock(lesson, block, waiting, tell) {
    if (block.type === "text") return textBlock(block);
    if (block.type === "figure") return figureBlock(lesson, block, waiting);
    const made = makeExercise(block, answersOf(lesson)[block.id], (answer, result) => {
      if (result.parts.length || result.done) {
        memory[lesson.id] = { ...answersOf(lesson), [block.id]: answer };
        save();
      }
      if (result.done || block.type === "choice") unlock(waiting, block.id, answersOf(lesson)[block.id] !== undefined);
      tell();
    });
    return made.element;
  }

  function textBlock(block) {
    return [
      block.heading ? h("h2", {}, rich(block.heading)) : null,
      block.paragraphs.map((part) => (Array.isArray(part)
        ? h("ul", {}, part.map((item) => h("li", {}, rich(item)))) : h("p", {}, rich(part)))),
    ];
  }

  function figureBlock(lesson, block, waiting) {
    const own = `figure-${block.name}`;
    const kept = {
      recall: () => answersOf(lesson)[own],
      save: (value) => {
        memory[lesson.id] = { ...answersOf(lesson), [own]: value };
        save();
      },
    };
    const made = makeFigure(block.name, figures[block.name], kept, block.with ?? {});
    drawn.push(made);
    const caption = block.caption ? h("p", { class: "caption" }, rich(block.caption)) : null;
    const holder = h("div", { class: "figure", "data-figure": block.name }, made.element, caption);
    if (!block.after) return holder;
    const asked = lesson.blocks.find((one) => one.id === block.after);
    const verb = asked.type === "predict" ? "Make your prediction" : "Answer the question above";
    const note = h("p", { class: "locked" }, made.hidden ? `${verb} to see what isoflop computes.` : `${verb} first: then you can move the slider.`);
    const lock = (locked) => {
      note.hidden = !locked;
      holder.classList.toggle("waiting", locked);
      if (made.hidden) holder.hidden = locked;
      for (const control of made.controls) control.disabled = locked;
    };
    const given = answersOf(lesson)[block.after];
    lock(given === undefined || !(asked.type === "choice" || judge(asked, given).done));
    waiting.set(block.after, [...(waiting.get(block.after) ?? []), lock]);
    return [note, holder];
  }

  function unlock(waiting, id, given) {
    if (given) for (const lock of waiting.get(id) ?? []) lock(false);
  }

  function arrive() {
    root.querySelector("h1").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  open(app.params);
  return { restore: (params) => {
    open(params);
    arrive();
  }, unmount: clear };
}

function countWord(count) {
  const words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
  return words[count] ?? String(count);
}

// A button that asks once more before it forgets.
function resetting(needed, text, forgetting) {
  if (!needed()) return null;
  const room = h("div", { class: "buttons reset" });
  const ask = () => {
    const yes = button("Yes, forget them", forgetting);
    replace(room, h("span", { class: "said", role: "status" }, "This removes the answers kept in this browser."), yes, button("No", plain));
    yes.focus();
  };
  const plain = () => replace(room, button(text, ask, "small"));
  plain();
  return room;
}
