// What knowing is worth before a choice: isoflop.planning.decide_value in the browser. gains: one array an option.

// An array of draws, from what each is. A loop: Float64Array.from with a function takes ten times as long.
export function each(n, at) {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i += 1) out[i] = at(i);
  return out;
}

export function mean(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i]; // an iterator takes six times as long
  return sum / values.length;
}

export function deviation(values) {
  const middle = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - middle) ** 2;
  return Math.sqrt(sum / values.length);
}

export function indexOfMax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  return best;
}

// Rank of the quantile that is the nearest draw, halves to the even rank.
export function nearest(p, n) {
  const at = p * (n - 1);
  const down = Math.floor(at);
  const rest = at - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

export function spread(values, level) {
  const n = values.length;
  const [low, median, high] = ranked(values, [(1 - level) / 2, 0.5, (1 + level) / 2].map((p) => nearest(p, n)));
  return { mean: mean(values), median, low, high };
}

export function medianOf(values) {
  return ranked(values, [nearest(0.5, values.length)])[0];
}

let room = new Float64Array(0);

// The values of given ranks, which must not fall: Hoare's selection, for half of what sorting takes.
export function ranked(values, ranks) {
  const n = values.length;
  if (room.length < n) room = new Float64Array(n);
  room.set(values);
  let from = 0;
  return ranks.map((rank) => {
    let low = from;
    let high = n - 1;
    while (low < high) {
      const pivot = room[(low + high) >> 1];
      let i = low;
      let j = high;
      while (i <= j) {
        while (room[i] < pivot) i += 1;
        while (room[j] > pivot) j -= 1;
        if (i <= j) {
          const kept = room[i];
          room[i] = room[j];
          room[j] = kept;
          i += 1;
          j -= 1;
        }
      }
      if (rank <= j) high = j;
      else if (rank >= i) low = i;
      else break;
    }
    from = rank;
    return room[rank];
  });
}

const sorts = new WeakMap();

// The draws in order, sorted once for as long as the array is kept. Nobody may write into it.
export function inOrder(values) {
  if (!sorts.has(values)) sorts.set(values, values.slice().sort());
  return sorts.get(values);
}

// Chance that each option is the best, ties shared.
export function sharesBest(gains) {
  const found = gains.map(() => 0);
  const n = gains[0].length;
  for (let i = 0; i < n; i += 1) {
    let top = -Infinity;
    let ties = 0;
    for (const gain of gains) {
      if (gain[i] > top) [top, ties] = [gain[i], 1];
      else if (gain[i] === top) ties += 1;
    }
    gains.forEach((gain, k) => { if (gain[i] === top) found[k] += 1 / ties; });
  }
  return found.map((sum) => sum / n);
}

// EVPI: what knowing everything is worth, { value, error }.
export function perfectInformation(gains) {
  const chosen = indexOfMax(gains.map(mean));
  const regret = each(gains[chosen].length, (i) => {
    let top = -Infinity;
    for (const gain of gains) top = Math.max(top, gain[i]);
    return top - gains[chosen][i];
  });
  return { value: mean(regret), error: deviation(regret) / Math.sqrt(regret.length) };
}

// EVPPI of the unknown that sorts draws into groups: one half of the draws chooses, the other judges.
export function informationOn(gains, groups, sure) {
  const chosen = indexOfMax(gains.map(mean));
  const n = groups.length;
  const count = 2 * (groups.reduce((a, b) => Math.max(a, b), 0) + 1);
  const sums = gains.map(() => new Float64Array(count));
  for (let i = 0; i < n; i += 1) gains.forEach((gain, k) => { sums[k][2 * groups[i] + (i % 2)] += gain[i]; });
  const choice = Int32Array.from({ length: count }, (_, cell) => indexOfMax(sums.map((sum) => sum[cell])));
  const gained = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const cell = 2 * groups[i] + (i % 2);
    gained[i] = gains[choice[cell ^ 1]][i] - gains[chosen][i];
  }
  const value = mean(gained);
  const error = deviation(gained) / Math.sqrt(n);
  return { value: value > sure * error ? value : 0, error };
}

export function choicesByGroup(gains, groups) {
  const count = groups.reduce((a, b) => Math.max(a, b), 0) + 1;
  const sums = gains.map(() => new Float64Array(count));
  groups.forEach((group, i) => gains.forEach((gain, k) => { sums[k][group] += gain[i]; }));
  return Array.from({ length: count }, (_, group) => indexOfMax(sums.map((sum) => sum[group])));
}

// Equal bins of a uniform variable.
export function binsOf(u, { bins, least_in_bin: least }) {
  const count = Math.min(Math.max(Math.floor(u.length / least), 1), bins);
  return Int32Array.from(u, (share) => Math.min(Math.floor(share * count), count - 1));
}

// All ways to share ``steps`` equal pieces among ``parts``, as shares.
export function simplex(parts, steps) {
  const ways = (left, of) => (of === 1 ? [[left]]
    : Array.from({ length: left + 1 }, (_, first) => ways(left - first, of - 1).map((rest) => [first, ...rest])).flat());
  return parts === 1 ? [[1]] : ways(steps, parts).map((way) => way.map((piece) => piece / steps));
}

// Straight between points, held at the ends, as np.interp.
export function interpolate(x, xs, ys) {
  if (x <= xs[0]) return ys[0];
  for (let k = 1; k < xs.length; k += 1) {
    if (x < xs[k]) return ys[k - 1] + ((ys[k] - ys[k - 1]) / (xs[k] - xs[k - 1])) * (x - xs[k - 1]);
  }
  return ys[ys.length - 1];
}
