// What may be set on the outlook page, by section.

import { count, fixed, money, percent } from "../core/format.js";

const whole = (x) => String(Math.round(x));

export const factor = (x) => `×${fixed(x, 2)}`;

// The handles: key, label, range, usual value, how it is written. log: of its ratio.
export function handlesOf({ facts, measured }) {
  const { gap, text, limits, rates } = facts;
  const middle = (name) => limits.inputs[name].p50;
  const pace = (key, label, name, hint) => ({
    key, label, min: 1, max: name === "production_growth" ? 4 : 2, usual: middle(name), write: factor, input: name, hint,
  });
  return {
    growth: [{ key: "g", label: "Growth of training compute a year", min: 1.2, max: 8, usual: measured, write: factor, log: true,
      hint: `Measured: ${factor(measured)}. Every date below follows this handle.` }],
    cost: [
      {
        key: "aum", label: "Assets under management", min: 1e12, max: 1e15, usual: facts.ceilings[1].usd,
        write: money, log: true, hint: `${money(facts.ceilings[1].usd)} in ${facts.ceilings[1].date}`,
      },
      { key: "chips", label: "Chips bought in a year", min: 1e10, max: 2e12, usual: gap.chips, write: money, log: true },
      {
        key: "around", label: "Cost of all around them, over that of the chips", min: 1, max: 4, usual: gap.around,
        write: (x) => `${fixed(x, 2)}×`,
      },
      { key: "margin", label: "Gross margin asked for", min: 0, max: 0.9, usual: gap.margin, write: (x) => percent(x) },
      { key: "known", label: "Revenue known", min: 1e10, max: 2e12, usual: gap.known, write: money, log: true },
    ],
    text: [
      {
        key: "over", label: "Tokens beyond the compute-optimal, as training compute", min: 1, max: 100,
        usual: text.overtrained, write: (x) => `${fixed(x, 1)}×`, log: true,
        hint: "For the over-trained account: D grows as its square root.",
      },
      {
        key: "made", label: "Generated text, over what people wrote", min: 0, max: 10, usual: 0,
        write: (x) => `${fixed(x, 1)}×`,
        hint: "Taken to be worth as much; making it costs about the compute of training on it.",
      },
    ],
    limits: [
      { key: "year", label: "Year", min: 2026, max: 2036, step: 1, usual: 2030, write: whole },
      pace("dc", "Growth of US data-centre power a year", "us_datacentre_growth"),
      pace("eff", "FLOP a watt, growth a year", "power_efficiency_growth"),
      pace("prod", "Chips made, growth a year", "production_growth"),
      pace("speed", "Speed of a chip, growth a year", "chip_speed_growth"),
      pace("data", "Stock of data, growth a year", "stock_growth"),
    ],
    longest: [
      { key: "hw", label: "Hardware: FLOP a dollar, a year", min: 1, max: 3, usual: rates.hardware, write: factor },
      { key: "alg", label: "Algorithms: compute saved a year", min: 1, max: 8, usual: rates.algorithms, write: factor },
      { key: "sp", label: "Spending on a run, a year", min: 1, max: 8, usual: rates.spending, write: factor },
    ],
    sampling: [
      {
        key: "sd", label: "Spread of what is measured (standard deviation)", min: 0.1, max: 20, usual: 7.1,
        write: (x) => `${fixed(x, 1)} cm`,
      },
      { key: "n", label: "People asked", min: 10, max: 1e6, usual: 2000, write: count, log: true },
    ],
  };
}
