// The editor of message templates: tags by click, plain characters by click, and a preview that
// also hears of what is chosen by other means than typing.
(() => {
  "use strict";
  const form = document.getElementById("messagetemplate_form");
  const body = document.getElementById("id_body");
  const subject = document.getElementById("id_subject");
  const client = document.getElementById("id_client");
  const asClient = form.querySelector("[data-as-client]");
  const preview = document.getElementById("template-preview");
  const status = form.querySelector("[data-status]");
  let last = body;

  // The words are asked for a moment after the last letter, and what is asked before is given up,
  // so that an early answer never covers a later one.
  let timer;
  let asked;
  const say = (words) => {
    const trouble = document.createElement("p");
    trouble.textContent = words;
    preview.replaceChildren(trouble);
  };
  const ask = async () => {
    asked?.abort();
    const mine = new AbortController();
    asked = mine;
    try {
      const answer = await fetch(preview.dataset.url, {
        method: "POST",
        body: new FormData(form),
        signal: mine.signal,
      });
      if (answer.redirected || answer.status === 403) {
        say("You are signed out. Copy your words, then sign in again.");
      } else if (!answer.ok) {
        say("The preview did not come. It is asked for again with the next letter.");
      } else {
        const words = await answer.text();
        if (asked !== mine) return;
        preview.innerHTML = words;
        // Read aloud when it is another number or another trouble, not with each letter.
        const said = preview.querySelector("[data-said]")?.dataset.said.trim() ?? "";
        if (status.textContent !== said) status.textContent = said;
      }
    } catch (error) {
      if (error.name !== "AbortError" && asked === mine)
        say("The preview did not come. It is asked for again with the next letter.");
    }
  };
  const show = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 250);
  };
  form.addEventListener("input", show);
  for (const field of [body, subject]) {
    field?.addEventListener("focus", () => {
      last = field;
    });
  }

  const bar = form.querySelector("[data-tags]");
  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tag]");
    if (!button) return;
    // Kept in the field's own undo, where the browser can.
    last.focus();
    const tag = `{{${button.dataset.tag}}}`;
    if (!document.execCommand("insertText", false, tag)) {
      last.setRangeText(tag, last.selectionStart, last.selectionEnd, "end");
      last.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-words]");
    if (!button) return;
    body.focus();
    body.select();
    if (!document.execCommand("insertText", false, button.dataset.words)) {
      body.value = button.dataset.words;
      body.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  // A client's words are in its name; only those for every client need somebody to show.
  const showWhose = () => {
    asClient.hidden = Boolean(client?.value);
    show();
  };
  // The list with a search field tells only its own library what was chosen.
  window.django?.jQuery?.(client).on("change", showWhose);
  client?.addEventListener("change", showWhose);
  asClient.hidden = Boolean(client?.value);
  ask();
})();
