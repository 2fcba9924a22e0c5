// What makes signed-in pages nicer where scripts run. Every page works without it.
(() => {
  "use strict";
  const dialog = document.getElementById("dialog");

  // <a href="/…" hx-get="/…" hx-target="#dialog-body">: the same address as a page without scripts.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "dialog-body") return;
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[autofocus], [aria-invalid=true], h2")?.focus();
    refresh(dialog);
  });
  // Parts are answered with 200, refusals too. Anything else, or an answer from elsewhere, is a
  // whole page (signed out, gone) and no part: ask for this one anew, and it leads there.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    const isElsewhere = new URL(xhr.responseURL).pathname !== pathInfo.requestPath.split("?")[0];
    if (xhr.status < 400 && !isElsewhere) return;
    event.detail.shouldSwap = false;
    location.assign(location.pathname + location.search);
  });
  dialog?.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });

  // An amount in minor units, or null where it is not written as one: as credit/money.py reads it.
  const read = (text, digits) => {
    const match = /^([0-9]{1,15})(?:\.([0-9]+))?$/.exec(text.trim());
    if (!match || (match[2] ?? "").length > digits) return null;
    return BigInt(match[1] + (match[2] ?? "").padEnd(digits, "0"));
  };
  const show = (minor, { symbol, code, digits }) => {
    const sign = minor < 0n ? "-" : "";
    const padded = String(minor < 0n ? -minor : minor).padStart(Number(digits) + 1, "0");
    const at = padded.length - Number(digits);
    const units = padded.slice(0, at).replace(/\B(?=(\d{3})+$)/g, ",");
    const number = Number(digits) ? `${units}.${padded.slice(at)}` : units;
    return symbol ? `${sign}${symbol}${number}` : `${sign}${number} ${code}`;
  };

  // Both balances as they would be: <form data-preview data-digits data-symbol data-code> with an
  // input [data-amount], and outputs [data-after="from|to"] holding data-minor.
  const refresh = (root) => {
    for (const form of root.querySelectorAll("form[data-preview]")) {
      const typed = form.querySelector("[data-amount]");
      const text = typed.value.trim();
      const { symbol, digits } = form.dataset;
      const amount = read(symbol && text.startsWith(symbol) ? text.slice(symbol.length) : text, Number(digits));
      for (const arrow of form.querySelectorAll("[data-arrow]")) arrow.hidden = false;
      for (const output of form.querySelectorAll("[data-after]")) {
        const choice = form.querySelector("select[name=to] option:checked");
        const before = output.dataset.after === "to" && choice ? choice.dataset.minor : output.dataset.minor;
        if (before === undefined || before === "" || amount === null) {
          output.textContent = "–";
          output.classList.remove("negative");
          continue;
        }
        const after = BigInt(before) + (output.dataset.after === "to" ? amount : -amount);
        output.textContent = show(after, form.dataset);
        output.classList.toggle("negative", after < 0n);
      }
      const choice = form.querySelector("select[name=to] option:checked");
      if (choice?.value) {
        form.querySelector("[data-before=to]").textContent = choice.dataset.balance;
        form.querySelector("[data-name=to]").textContent = choice.textContent;
      }
    }
  };

  // What a card would be charged: its own price, or its value with the markup, rounded half-up
  // once. The same rule as the database's, which has the last word when the form is saved.
  const reprice = (form) => {
    const markup = read(form.querySelector("[data-markup]").value.replace(/\s*%\s*$/, "") || "0", 2);
    for (const row of form.querySelectorAll("[data-price]")) {
      const typed = row.querySelector("[data-own]").value.trim();
      const value = BigInt(row.dataset.value);
      const own = typed && read(typed, Number(row.dataset.digits));
      const marked = markup === null ? null : (value * (10000n + markup) + 5000n) / 10000n;
      const price = typed ? own : marked;
      row.querySelector("[data-charged]").textContent = price === null ? "–" : show(price, row.dataset);
      row.querySelector("[data-margin]").hidden = true;
    }
  };
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      const form = event.target.closest?.("form[data-preview]");
      if (form) refresh(form.parentElement);
      const prices = event.target.closest?.("form[data-prices]");
      if (prices && type === "input" && event.target.type !== "checkbox") reprice(prices);
    });
  }
  refresh(document);
})();
