// Groups a redemption code while it is typed and tells a typo before it is sent, like
// redemption/codes.py. Sent again, it passes: another system's code may look like ours.
// <input data-redemption-code data-code-typo="words" data-code-hint="id of a live region">
(() => {
  "use strict";
  const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const GENERATED = new RegExp(`^[${ALPHABET}]{13}$`);

  const strip = (text) =>
    text.normalize("NFKC").toUpperCase().replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, "");
  const fold = (text) => strip(text).replace(/O/g, "0").replace(/[IL]/g, "1");
  const double = (value) => (value < 16 ? value * 2 : (value * 2) ^ 37);
  const isTypo = (code) =>
    GENERATED.test(code) && [...code].reduce((r, s) => double(r) ^ ALPHABET.indexOf(s), 0) !== 0;

  const group = (input) => {
    const code = strip(input.value);
    const isTyping = input.selectionStart === input.value.length;
    if (!isTyping || code.length > 13 || /[^0-9A-TV-Z]/.test(code)) return;
    const parts = [code.slice(0, 4), code.slice(4, 8), code.slice(8)];
    input.value = parts.filter(Boolean).join("-");
  };

  const show = (input, message) => {
    input.setCustomValidity(message);
    input.ariaInvalid = message !== "";
    const error = Object.assign(document.createElement("p"), { className: "error" });
    error.textContent = message;
    document.getElementById(input.dataset.codeHint)?.replaceChildren(message && error);
  };

  const on = (type, handle) =>
    document.addEventListener(type, (event) => {
      if (event.target.matches?.("[data-redemption-code]")) handle(event.target, event);
    }, true);

  on("input", (input, event) => {
    if (event.isComposing) return;
    if (!event.inputType?.startsWith("delete")) group(input);
    const words = input.dataset.codeTypo || "Please check this code.";
    show(input, isTypo(fold(input.value)) ? words : "");
  });
  on("invalid", (input) => setTimeout(() => input.setCustomValidity("")));
})();
