// What makes the pages nicer where scripts run. Every page works without it.
(() => {
  "use strict";

  // A second press while the first is under way does nothing. The server would answer it with the
  // same card anyway; this only spares the wait.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]") || event.defaultPrevented) return;
    const button = form.querySelector("button:not([type=button])");
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    button?.setAttribute("aria-disabled", "true");
  });

  // The back button may bring a page back from memory as it was left: with its form "sent".
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
    }
  });

  const say = (button, words) => {
    const label = button.querySelector("span");
    const before = label.textContent;
    label.textContent = words;
    label.setAttribute("role", "status");
    setTimeout(() => {
      label.textContent = before;
      label.removeAttribute("role");
    }, 2500);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-print]");
    if (!button) return;
    if (button.hasAttribute("data-print")) {
      window.print();
      return;
    }
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      say(button, button.dataset.copied);
    } catch {
      // No permission, or a page without TLS: select it, so that one key copies it.
      getSelection().selectAllChildren(source);
    }
  });

  for (const part of document.querySelectorAll("[data-needs-js]")) part.hidden = false;
})();
