// A page that renews a part of itself (#live): not while nobody looks, nor while it is paused.
(() => {
  "use strict";
  const button = document.querySelector("[data-live-pause]");
  const words = { pause: button?.textContent, goOn: button?.dataset.goOn };
  let isPaused = false;
  let kept = [];

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "live" && (document.hidden || isPaused)) event.preventDefault();
  });
  const renew = () => document.body.dispatchEvent(new Event("live-again"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) renew();
  });
  button?.addEventListener("click", () => {
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    button.textContent = isPaused ? words.goOn : words.pause;
    if (!isPaused) renew();
  });

  // What somebody has opened, or stands on, stays so.
  const parts = () => [...document.querySelectorAll("#live details, #live [tabindex], #live summary")];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "live") return;
    kept = parts().map((part) => ({
      open: part.open,
      focus: part === document.activeElement,
      left: part.scrollLeft,
      top: part.scrollTop,
    }));
  });
  document.addEventListener("htmx:afterSwap", () => {
    const now = parts();
    if (now.length !== kept.length) return;
    now.forEach((part, number) => {
      const before = kept[number];
      if (before.open) part.open = true;
      if (before.left) part.scrollLeft = before.left;
      if (before.top) part.scrollTop = before.top;
      if (before.focus) part.focus({ preventScroll: true });
    });
    kept = [];
  });
})();
