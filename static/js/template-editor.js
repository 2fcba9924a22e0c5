// The editor of message templates: tags by click, plain characters by click, and a preview that
// also hears of what is chosen by other means than typing.
(() => {
  "use strict";
  const form = document.getElementById("messagetemplate_form");
  const body = document.getElementById("id_body");
  const subject = document.getElementById("id_subject");
  const client = document.getElementById("id_client");
  const asClient = form.querySelector("[data-as-client]");
  let last = body;

  const show = () => form.dispatchEvent(new CustomEvent("shown"));
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
})();
