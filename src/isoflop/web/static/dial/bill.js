// What a run takes of machines: hours, devices, energy and every basis of cost, as planning.run_cost reckons them.

const HOURS_A_DAY = 24;
export const BASES = [
  ["rental", "Rented on demand"],
  ["amortised", "Amortised, and energy"],
  ["straight_line", "Written off over 4 years"],
  ["purchase", "Cluster bought outright"],
];

// Utilisation of the whole run: [low, middle, high] as published, or the reader's own without a range.
export function utilisation(machine, mfu) {
  if (!mfu) return { low: machine.mfu[0], value: machine.mfu[1], high: machine.mfu[2] };
  const held = Math.min(mfu, machine.ceiling);
  return { low: held, value: held, high: held };
}

export function chipHours(flops, machine, used) {
  const best = flops / machine.peak / 3600;
  return { value: best / used.value, low: best / used.high, high: best / used.low };
}

export function flopsOfHours(hours, machine, used) {
  return hours * 3600 * machine.peak * used.value;
}

// Whole chips and the time they take, where the run is to last so many days.
export function devicesFor(hours, days) {
  const devices = Math.max(1, Math.ceil(hours / (HOURS_A_DAY * days) - 1e-9));
  return { devices, seconds: (hours * 3600) / devices };
}

// The dollars of each basis that has a price: { key, label, value, low, high, asOf, how }.
export function costs(machine, hours, devices) {
  return BASES.map(([key, label]) => {
    const price = machine.costs[key];
    if (!price) return { key, label, value: NaN, low: NaN, high: NaN, asOf: "", how: "no price is known" };
    const [value, low, high] = key === "purchase"
      ? [devices * price.usd, devices * price.usd, devices * price.usd]
      : [hours.value * price.usd, hours.low * price.low, hours.high * price.high];
    return { key, label, value, low, high, asOf: price.as_of, how: price.how };
  });
}

// Chip-hours that a sum buys, by a basis; a bought cluster runs for the days given.
export function hoursForMoney(usd, machine, basis, days) {
  const price = machine.costs[basis];
  if (!price) return NaN;
  return basis === "purchase" ? Math.max(1, Math.floor(usd / price.usd)) * HOURS_A_DAY * days : usd / price.usd;
}

export function energy(machine, hours) {
  const k = machine.kilowatts;
  return { value: hours.value * k, low: hours.low * k, high: hours.high * k };
}
