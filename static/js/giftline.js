// What makes the pages nicer where scripts run. Every page works without it.
(() => {
  "use strict";

  // A second press while the first is under way does nothing. The server would answer it with the
  // same card anyway; this only spares the wait.
  const rest = (form) => {
    delete form.dataset.sent;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]") || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.querySelector("button:not([type=button])")?.setAttribute("aria-disabled", "true");
    const lost = form.querySelector("[data-lost]");
    if (!lost) return;
    event.preventDefault();
    lost.hidden = true;
    send(form).catch(() => {
      rest(form);
      lost.hidden = false;
      lost.focus();
    });
  });

  // A browser's own error page would take the form away when the answer is lost. A good answer is
  // a redirect, which is followed by the window and not here: what it shows is not fetched twice.
  const send = async (form) => {
    const wait = new AbortController();
    const timer = setTimeout(() => wait.abort(), 30000);
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      redirect: "manual",
      signal: wait.signal,
    });
    if (answer.type === "opaqueredirect") {
      clearTimeout(timer);
      location.assign(form.action);
      return;
    }
    // A machine in between that says so itself: ours is not there.
    if ([502, 503, 504].includes(answer.status) && !answer.headers.has("X-Request-ID")) {
      throw new Error("away");
    }
    const page = await answer.text();
    clearTimeout(timer);
    document.open();
    document.write(page);
    document.close();
    scrollTo(0, 0);
    document.querySelector("[autofocus]")?.focus();
  };

  // The back button may bring a page back from memory as it was left: with its form "sent".
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach(rest);
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
