// The reader's words and the page's figures as one text to copy.

import { count, money } from "../core/format.js";
import { poolsToml } from "./pools.js";
import { commandOf, poolsOf } from "./setting.js";
import { choiceText, fallText, firstText, planText, predictionText, ratio, saidValue, share } from "./words.js";

export function summaryText({ all, setting, facts, exercise, nameOf, draws, link }) {
  const label = (name) => facts.options.find((one) => one.name === name)?.label ?? "nothing";
  const quoted = (text) => (text.trim() || "(no reason given)").split("\n").map((line) => `> ${line}`).join("\n");
  const [command, rows] = commandOf(setting, facts);
  const parts = [
    `# What to spend ${money(setting.budget)} on`, `On top of ${planText(all)}.`,
    "## Before looking", `I expected ${label(exercise.guess)} to bring most, and was ${exercise.sure} % sure:`, quoted(exercise.why),
    "## What comes out",
    all.choices.map((one) => `- ${one.option.label}: the loss falls by ${fallText(one.fall)} nats a token, like `
      + `${ratio(one.multiplier.median)}× `
      + `the compute; best in ${share(one.best)} of the draws`).join("\n"),
    `${choiceText(all)} Brackets hold 80 % of ${draws.toLocaleString("en")} draws.`,
    ...all.choices.map((one, k) => `**${one.option.label}.** ${predictionText(all, k).join(" Not so: ")}`),
    "## What I choose", `${label(exercise.pick)}:`, quoted(exercise.because),
    "## What I ask first", `${exercise.ask ? nameOf(exercise.ask) : "–"}:`, quoted(exercise.question),
    `By the figures: ${firstText(all)}`,
    "## Assumptions", assumptionLines(all, setting, facts, nameOf),
    "## To see it again", `${link}\n\n    ${command}`,
  ];
  const pools = Object.entries(poolsOf(setting, facts)).map(([option, list]) => poolsToml(option, list));
  const file = [...rows.map((name) => tomlOf(all.asked.unknowns[name])), ...pools];
  if (file.length) parts.push(`with mine.toml:\n\n${file.join("\n\n")}`);
  return `${parts.join("\n\n")}\n`;
}

function assumptionLines({ made }, setting, facts, nameOf) {
  const lines = made.unknowns.map((one) => {
    const range = one.low < one.high ? `${saidValue(one, one.middle)} (${saidValue(one, one.low)} to `
      + `${saidValue(one, one.high)})` : `${saidValue(one, one.middle)}, known`;
    return `- ${nameOf(one.name)}: ${range}; ${one.kind}`;
  });
  const laws = setting.law === "all" ? facts.laws.map((law) => law.name) : [setting.law];
  const pools = Object.values(poolsOf(setting, facts)).flat().map(
    (one) => `${one.name} ${count(one.tokens)} tokens, worth ${one.worth}${one.passes === null ? "" : `, ${one.passes} passes`}`
  );
  if (pools.length) lines.push(`- data at hand by quality: ${pools.join("; ")}`);
  return [...lines, `- laws: ${laws.join(", ")}`].join("\n");
}

function tomlOf(one) {
  const number = (value) => String(Number(value.toPrecision(6)));
  return [
    `    [[unknowns]]`, `    name = "${one.name}"`,
    ...["low", "middle", "high"].map((key) => `    ${key} = ${decimal(number(one[key]))}`),
  ].join("\n");
}

function decimal(text) {
  return /[.e]/.test(text) ? text : `${text}.0`;
}
