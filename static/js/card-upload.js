// Uploading cards in the admin: how far it is, and no preview beside what it is not of.
(() => {
  "use strict";
  const form = document.getElementById("card-upload");
  const outcome = document.getElementById("upload-outcome");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const words = progress.querySelector("[role=status]");

  // The theme would write the file's name into a box beside the input, which is not there.
  form.querySelector("[type=file]").hasChangeListener = true;

  const show = (text) => {
    progress.hidden = false;
    if (words.textContent !== text) words.textContent = text;
  };

  form.addEventListener("htmx:beforeRequest", () => {
    bar.removeAttribute("value");
    show("Sending…");
  });
  form.addEventListener("htmx:xhr:progress", ({ detail }) => {
    if (!detail.lengthComputable || detail.loaded >= detail.total) {
      // All is sent; how long the rows take is not known.
      bar.removeAttribute("value");
      show("Checking the rows…");
    } else {
      bar.value = detail.loaded / detail.total;
    }
  });
  form.addEventListener("htmx:afterRequest", ({ detail }) => {
    progress.hidden = true;
    words.textContent = "";
    if (detail.successful) return;
    const trouble = document.createElement("p");
    trouble.setAttribute("role", "alert");
    trouble.textContent =
      "That did not work, and nothing was written. If the file was changed since it was chosen, choose it again; else reload the page.";
    outcome.replaceChildren(trouble);
  });
  form.addEventListener("input", (event) => {
    if (event.target.matches("[type=file], textarea")) outcome.replaceChildren();
  });
})();
