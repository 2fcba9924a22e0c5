// The desk's keys. All are Alt and a letter, or plain keys outside of fields, so that nothing
// clashes with typing; a scanner that types while the cursor is elsewhere still finds its field.
(() => {
  "use strict";
  const { byId, goTo, nextInGive, toggleMute } = window.desk;
  const one = (selector) => document.querySelector(selector);
  const isField = (element) =>
    element?.matches("input:not([type=radio], [type=checkbox], [type=button]), textarea, select");
  const press = (form) => form?.requestSubmit();

  const openHelp = (name) => {
    const summary =
      one(`[data-main-reward] [data-shortcut=${name}]`) ?? one(`[data-shortcut=${name}]`);
    if (!summary) return;
    summary.parentElement.open = true;
    goTo(summary.parentElement.querySelector(".input"));
  };
  const end = () => goTo(one("[data-end] [data-digit]"));
  const keys = {
    KeyF: () => goTo(byId("desk-find")),
    // A call that is open has to be given its outcome first.
    KeyN: () => (one("[data-end]") ? end() : goTo(byId("desk-find"))),
    KeyP: () => {
      const next = nextInGive();
      if (next?.matches("[data-main]")) press(next.form);
      else goTo(next);
    },
    KeyR: () => openHelp("resend"),
    KeyC: () => openHelp("call-back"),
    KeyT: () => goTo(one("[data-notes]")),
    KeyE: end,
    KeyZ: () => press(one("[data-shortcut=undo]")?.form),
    KeyB: () => press(one("form[data-next]")),
    KeyM: toggleMute,
    KeyH: () => byId("desk-help").showModal(),
  };

  // ---- A scanner is a keyboard that types faster than people: what comes in a burst is a code.
  const BURST_MS = 45;
  let burst = "";
  let pressedAt = null;
  let timer = 0;
  const isHeldBack = (event) => {
    if (event.key === "Enter" && burst.length > 2) {
      const field = byId("desk-find");
      field.value = burst;
      burst = "";
      clearTimeout(timer);
      field.focus();
      press(field.form);
      return true;
    }
    if (event.key.length !== 1 || event.key === " " || event.key === "?") return false;
    // A digit means what had the focus when it was pressed, whatever the page did meanwhile.
    if (!burst) pressedAt = event.target;
    burst += event.key;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const typed = burst;
      burst = "";
      if (typed.length === 1) pressDigit(typed);
      else {
        // Not all of it came at once: let it go on in the field.
        const field = byId("desk-find");
        field.value = typed;
        field.focus();
      }
    }, BURST_MS);
    return true;
  };

  const pressDigit = (digit) => {
    const from = pressedAt?.isConnected ? pressedAt : document.activeElement;
    const here = from?.closest("[data-digits]");
    const group = here ?? one("#desk-work [data-digits]:not([data-end])");
    const choice = group?.querySelector(`[data-digit="${digit}"]`);
    if (!choice) return;
    choice.click();
    if (choice.type === "radio") goTo(nextInGive());
  };

  // ---- Arrows walk through people, points and outcomes.
  const walk = (event) => {
    const group = event.target.closest(".desk-matches, .desk-checks, .desk-outcomes");
    if (!group) return false;
    const all = [...group.querySelectorAll("button, [type=checkbox]")];
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    all[(all.indexOf(event.target) + step + all.length) % all.length]?.focus();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.repeat && event.altKey) return;
    const isPlain = !event.ctrlKey && !event.metaKey;
    if (event.altKey && isPlain && !event.shiftKey && keys[event.code]) {
      event.preventDefault();
      if (!one("dialog[open]")) keys[event.code]();
      return;
    }
    if (!isPlain || event.altKey || one("dialog[open]") || isField(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      keys.KeyH();
    } else if (event.key.startsWith("Arrow")) {
      if (walk(event)) event.preventDefault();
    } else if (isHeldBack(event)) event.preventDefault();
  });

  // A point that is ticked by key leads on to the next; a mouse knows where it goes.
  document.addEventListener("click", (event) => {
    const isByKey = event.detail === 0;
    if (isByKey && event.target.matches(".desk-checks [type=checkbox]:checked")) goTo(nextInGive());
  });
})();
