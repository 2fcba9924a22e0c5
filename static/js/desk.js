// What makes the desk quick where scripts run: the cursor where it is needed next, a sound for
// what worked and what did not, the clock, copy all. Every step works without it.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const screen = () => byId("desk-screen");
  const live = byId("desk-live");

  // ---- Sound: made here, so that no file has to be fetched. Whether it is on is remembered.
  const MUTED = "giftline.desk.muted";
  const isMuted = () => {
    try {
      return localStorage.getItem(MUTED) === "1";
    } catch {
      return false;
    }
  };
  let audio;
  const play = (kind) => {
    document.documentElement.dataset.deskSound = isMuted() ? "" : kind;
    if (isMuted() || !("AudioContext" in window)) return;
    audio ??= new AudioContext();
    const notes = kind === "good" ? [[660, 0], [880, 0.11]] : [[220, 0], [185, 0.16]];
    for (const [pitch, wait] of notes) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const from = audio.currentTime + wait;
      tone.type = kind === "good" ? "sine" : "triangle";
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, from);
      volume.gain.exponentialRampToValueAtTime(0.12, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.22);
      tone.connect(volume).connect(audio.destination);
      tone.start(from);
      tone.stop(from + 0.24);
    }
  };
  const showMute = () => {
    for (const button of document.querySelectorAll("[data-mute]")) {
      button.hidden = false;
      button.setAttribute("aria-pressed", String(isMuted()));
      button.textContent = isMuted() ? button.dataset.off : button.dataset.on;
    }
    for (const button of document.querySelectorAll("[data-keys]")) button.hidden = false;
  };
  const toggleMute = () => {
    try {
      localStorage.setItem(MUTED, isMuted() ? "0" : "1");
    } catch {
      return; // a browser that keeps nothing
    }
    showMute();
    if (!isMuted()) play("good");
  };

  // ---- The clock of the call.
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-since]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.since)) / 1000));
      const hours = Math.floor(seconds / 3600);
      const rest = `${String(Math.floor(seconds / 60) % 60).padStart(hours ? 2 : 1, "0")}:${String(seconds % 60).padStart(2, "0")}`;
      clock.textContent = hours ? `${hours}:${rest}` : rest;
    }
  };
  setInterval(tick, 1000);

  // ---- Only the points of what was chosen have to be ticked.
  const showPoints = () => {
    const form = byId("give");
    const chosen = form?.querySelector("[name=condition_number]:checked, [type=hidden][name=condition_number]");
    for (const points of form?.querySelectorAll("[data-for]") ?? []) {
      points.hidden = points.dataset.for !== chosen?.value;
    }
  };

  // ---- Where the cursor goes next.
  const goTo = (element) => {
    if (!element) return false;
    element.closest("details")?.setAttribute("open", "");
    element.focus();
    if (element.matches("input:not([type=radio], [type=checkbox]), textarea")) element.select();
    return true;
  };
  const nextInGive = () => {
    const form = byId("give");
    if (!form) return null;
    return (
      form.querySelector("[aria-invalid=true]") ??
      (form.querySelector("[name=condition_number]:checked, [type=hidden][name=condition_number]")
        ? null
        : form.querySelector("[name=condition_number]")) ??
      [...form.querySelectorAll("[data-for]:not([hidden]) [type=checkbox]:not(:checked)")][0] ??
      [...form.querySelectorAll("[name=phone], [name=email]")].find((one) => one.offsetParent && !one.value) ??
      form.querySelector("[data-main]")
    );
  };
  const places = {
    find: () => byId("desk-find"),
    matches: () => document.querySelector(".desk-match"),
    give: nextInGive,
    end: () => document.querySelector("[data-end] [data-digit]"),
    help: () =>
      document.querySelector("[data-main]") ??
      document.querySelector("[data-main-reward] summary, [data-main-reward] [data-help] button") ??
      document.querySelector("[data-end] [data-digit]"),
  };
  const place = () => {
    const wish = screen().dataset.focus;
    const found = places[wish]?.() ?? document.querySelector("#desk-work details[open] .input");
    goTo(found ?? byId("desk-find"));
  };

  // ---- After each step. What came by itself leaves the cursor alone.
  let wasAsked = true;
  let hadFocus = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== screen()) return;
    const here = document.activeElement;
    const isTyping = here?.matches("#desk-work input:not([type=radio], [type=checkbox]), #desk-work textarea, #desk-work select");
    // Nobody's half-written line is swept away; the next look comes soon.
    if (isTyping || document.querySelector("dialog[open]")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "desk-screen") return;
    wasAsked = event.detail.requestConfig.elt !== event.detail.target;
    hadFocus = document.activeElement?.id ?? "";
  });
  const arrive = () => {
    showPoints();
    tick();
    for (const part of screen().querySelectorAll("[data-needs-js]")) part.hidden = false;
    const { sound, words } = screen().dataset;
    live.textContent = words;
    if (sound) play(sound);
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "desk-side") showMute();
    if (event.target.id !== "desk-screen") return;
    arrive();
    if (wasAsked) place();
    else if (hadFocus) byId(hadFocus)?.focus();
    else if (document.activeElement === document.body) place();
    document.body.dispatchEvent(new Event("desk-changed"));
  });

  // The network is away; each step can be pressed again, and the database sees to it that it is one.
  for (const type of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(type, () => {
      if (byId("desk-offline").hidden) play("bad");
      byId("desk-offline").hidden = false;
    });
  }
  document.addEventListener("htmx:afterOnLoad", () => {
    byId("desk-offline").hidden = true;
  });

  document.addEventListener("change", (event) => {
    if (event.target.name === "condition_number") showPoints();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-close], [data-mute], [data-keys]");
    if (!button) return;
    if (button.matches("[data-mute]")) toggleMute();
    else if (button.matches("[data-keys]")) byId("desk-help").showModal();
    else button.closest("dialog").close();
  });

  // ---- Copy all: Ctrl+C with nothing selected.
  document.addEventListener("copy", (event) => {
    const all = byId("copy-all");
    const field = document.activeElement;
    const isInField = field?.matches("input, textarea") && field.selectionStart !== field.selectionEnd;
    if (!all || isInField || !getSelection().isCollapsed) return;
    event.clipboardData.setData("text/plain", all.textContent);
    event.preventDefault();
    const button = document.querySelector("[data-copy-all] span");
    if (button) button.textContent = button.parentElement.dataset.copied;
    live.textContent = button?.textContent ?? "";
  });

  window.desk = { byId, screen, goTo, nextInGive, toggleMute, place };
  showMute();
  arrive();
  place();
})();
