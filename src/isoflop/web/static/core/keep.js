// What the reader's own browser remembers, under one name; a browser that keeps nothing loses nothing else.

const PREFIX = "isoflop.";

export function recall(name, otherwise) {
  try {
    const text = window.localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function keep(name, value) {
  try {
    window.localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false; // private windows and full disks: the page works on without a memory
  }
}

export function forget(name) {
  try {
    window.localStorage.removeItem(PREFIX + name);
  } catch {
    // nothing was kept
  }
}
