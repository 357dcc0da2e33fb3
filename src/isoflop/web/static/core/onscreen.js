// Which of some elements stand on the screen, or a little above or below it: asked for at every frame, so it is kept up by
// the browser and costs no layout. Until the browser has said so, all of them do.

const AROUND = "80px";

export function onScreen(elements) {
  const seen = new Set(elements);
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
  }, { rootMargin: AROUND });
  elements.forEach((element) => watcher.observe(element));
  return { has: (element) => seen.has(element), stop: () => watcher.disconnect() };
}
