// A code read by the camera, where the browser can.
(() => {
  "use strict";
  const dialog = document.getElementById("desk-camera");
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  const video = dialog.querySelector("video");
  const words = dialog.querySelector("[data-camera-words]");
  let stream = null;

  const show = () => {
    for (const button of document.querySelectorAll("[data-camera]")) button.hidden = false;
  };
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
  };
  const look = async (detector) => {
    while (stream) {
      const [found] = await detector.detect(video).catch(() => []);
      if (found?.rawValue) {
        dialog.close();
        const field = document.getElementById("desk-find");
        field.value = found.rawValue;
        field.form.requestSubmit();
        return;
      }
      await new Promise((done) => setTimeout(done, 150));
    }
  };
  dialog.addEventListener("close", stop);
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-camera]")) return;
    words.textContent = "";
    dialog.showModal();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!dialog.open) return stop();
      video.srcObject = stream;
      await video.play();
      look(new window.BarcodeDetector());
    } catch {
      words.textContent = words.dataset.refused;
    }
  });
  show();
})();
