// Uploading cards in the admin: how far it is, and no preview beside what it is not of.
(() => {
  "use strict";
  const form = document.getElementById("card-upload");
  const outcome = document.getElementById("upload-outcome");
  const file = form.querySelector("[type=file]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const words = progress.querySelector("[role=status]");
  const sent = progress.querySelector("[data-sent]");
  const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

  // The theme would write the file's name into a box beside the input, which is not there.
  file.hasChangeListener = true;

  const show = (text) => {
    progress.hidden = false;
    if (words.textContent !== text) words.textContent = text;
  };
  const refuse = (text) => {
    const trouble = document.createElement("p");
    trouble.setAttribute("role", "alert");
    trouble.textContent = text;
    outcome.replaceChildren(trouble);
  };

  form.addEventListener("htmx:configRequest", ({ detail }) => {
    // Of a large file the rows are read as they come: what is said of them has to come first.
    for (const name of ["lines", "file"]) {
      const values = detail.formData.getAll(name);
      detail.formData.delete(name);
      for (const value of values) detail.formData.append(name, value);
    }
  });
  form.addEventListener("htmx:beforeRequest", (event) => {
    const most = Number(file.dataset.maxBytes);
    if (file.files.length && file.files[0].size > most) {
      event.preventDefault();
      refuse(`The file is over ${Math.round(most / 2 ** 20)} MB, and nothing was sent. Split it, or use the command ${file.dataset.command || "import_cards"} for it.`);
      return;
    }
    bar.removeAttribute("value");
    show("Sending…");
  });
  form.addEventListener("htmx:xhr:progress", ({ detail }) => {
    if (!detail.lengthComputable || detail.loaded >= detail.total) {
      // All is sent; how long the rows take is not known.
      bar.removeAttribute("value");
      sent.textContent = "";
      show("Checking the rows…");
    } else {
      bar.value = detail.loaded / detail.total;
      sent.textContent = `${megabytes(detail.loaded)} of ${megabytes(detail.total)} MB`;
    }
  });
  form.addEventListener("htmx:afterRequest", ({ detail }) => {
    progress.hidden = true;
    words.textContent = sent.textContent = "";
    if (detail.successful) return;
    refuse(
      "That did not work, and nothing was written. If the file was changed since it was chosen, choose it again; else reload the page.",
    );
  });
  form.addEventListener("input", (event) => {
    if (event.target.matches("[type=file], textarea")) outcome.replaceChildren();
  });
})();
