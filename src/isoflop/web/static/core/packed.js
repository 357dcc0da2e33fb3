// What Python packed: a piece of JSON that comes again stands once among the parts, "@3" for the fourth of them, and a
// text that begins with @ has one more; rows of equal names are ["@t", names, values, values, …]. Every use gets a copy of
// its own, as from plain JSON.
export function unpacked({ value, parts }) {
  const table = (names, rows) => rows.map((row) => Object.fromEntries(names.map((name, i) => [name, read(row[i])])));
  const read = (item) => {
    if (typeof item === "string") return item[0] !== "@" ? item : item[1] === "@" ? item.slice(1) : read(parts[Number(item.slice(1))]);
    if (Array.isArray(item)) return item[0] === "@t" ? table(item[1], item.slice(2)) : item.map(read);
    if (item === null || typeof item !== "object") return item;
    return Object.fromEntries(Object.entries(item).map(([name, child]) => [name, read(child)]));
  };
  return read(value);
}
