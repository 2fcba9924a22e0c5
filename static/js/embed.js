// Puts a client's redemption form into its own web site, as high as it has to be.
//   <div data-giftline="the client's id"><a href="…/redeem/">Redeem your code</a></div>
//   <script src="…/static/js/embed.js" async></script>
(() => {
  "use strict";
  const origin = new URL(document.currentScript.src).origin;
  for (const place of document.querySelectorAll("[data-giftline]")) {
    const frame = document.createElement("iframe");
    frame.src = `${origin}/embed/${encodeURIComponent(place.dataset.giftline)}/`;
    frame.title = place.dataset.giftlineTitle || "Redeem your code";
    frame.allow = "clipboard-write";
    Object.assign(frame.style, { display: "block", width: "100%", height: "40rem", border: "0" });
    addEventListener("message", (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      const height = Number(event.data?.giftlineHeight);
      if (height > 0 && height < 20000) frame.style.height = `${Math.ceil(height)}px`;
    });
    place.replaceChildren(frame);
  }
})();
