// From where to where the loss goes in the picture of the curve: on a ladder, so that the axis stands still while the
// curve moves. An axis that followed every row would be drawn anew, landmarks and all, at each step of a handle.

const UP = 1.15; // rungs above and below, each so many times the one before
const DOWN = 1.05;
const SLACK = 1.005; // a curve does not touch the frame
const WORST = 16; // nats: what is worse stands at the upper edge

// rows: { loss, low, high }; marks: { loss }. Gives [least, most].
export function lossRange(rows, marks) {
  let least = Infinity;
  let most = 0;
  for (const { loss, low, high } of rows) {
    least = Math.min(least, low, loss);
    most = Math.max(most, high, loss);
  }
  for (const { loss } of marks) {
    least = Math.min(least, loss);
    most = Math.max(most, loss);
  }
  if (!(least > 0 && Number.isFinite(most) && most > 0)) return [1, 10];
  return [rung(least / SLACK, DOWN, Math.floor), rung(Math.min(WORST, most * SLACK), UP, Math.ceil)];
}

function rung(value, factor, round) {
  return factor ** round(Math.log(value) / Math.log(factor));
}
