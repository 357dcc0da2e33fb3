// Which landmarks may carry their name: those known best first, and none over another.

const HEIGHT = 13; // px of a line of labels
const RIGHT = 4; // where the label stands from its point
const GAP = 4;

// marks: [{ x, y, width, rank, name }] in pixels, rank 0 first. Gives the set of names that fit a picture so wide.
export function labelled(marks, wide) {
  const taken = [];
  const shown = new Set();
  for (const mark of [...marks].sort((a, b) => a.rank - b.rank)) {
    const box = { left: mark.x + RIGHT, right: mark.x + RIGHT + mark.width, top: mark.y - 3 - HEIGHT, bottom: mark.y - 3 };
    const out = !Number.isFinite(mark.y) || box.right > wide || box.top < HEIGHT || shown.has(mark.name);
    if (out || taken.some((other) => meets(box, other))) continue;
    taken.push(box);
    shown.add(mark.name);
  }
  return shown;
}

function meets(a, b) {
  return a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom && b.top < a.bottom;
}
