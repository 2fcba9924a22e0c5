// The little work that a slowed form asks for each code (redemption/views/slowing.py): a number
// whose SHA-256, after the challenge and the code, begins with so many zero bits.
// <form data-slow-bits="16"><input name="challenge"><input name="work"><input name="code">
(() => {
  "use strict";
  const form = document.querySelector("form[data-slow-bits]");
  if (!form) return;
  const K = new Uint32Array(64);
  const START = new Uint32Array(8);
  // The first bits of the fractions of the cube and square roots of the first primes.
  const fraction = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
  for (let n = 2, found = 0; found < 64; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { isPrime = false; break; }
    if (!isPrime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(n));
    K[found++] = fraction(Math.cbrt(n));
  }
  const W = new Uint32Array(64);
  const rotate = (x, n) => (x >>> n) | (x << (32 - n));

  // Returns the first 32 bits: no more than 32 zero bits are ever asked for.
  const hash = (bytes) => {
    const length = ((bytes.length + 72) >> 6) << 6;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(length - 4, bytes.length * 8);
    const h = START.slice();
    for (let at = 0; at < length; at += 64) {
      for (let i = 0; i < 16; i++) W[i] = view.getUint32(at + i * 4);
      for (let i = 16; i < 64; i++) {
        const a = W[i - 15], b = W[i - 2];
        const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
        const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
        W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
      }
      let [a, b, c, d, e, f, g, i7] = h;
      for (let i = 0; i < 64; i++) {
        const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        const t1 = (i7 + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
        const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        i7 = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += i7;
    }
    return h[0];
  };

  const solve = (words, bits, done) => {
    const encoder = new TextEncoder();
    let number = 0;
    const step = () => {
      // A few at a time, so that the page stays alive.
      for (const end = number + 2000; number < end; number++) {
        if (hash(encoder.encode(`${words}:${number}`)) >>> (32 - bits) === 0) return done(number);
      }
      setTimeout(step);
    };
    // Never within the event of the press: a form ignores being sent while it is being sent.
    setTimeout(step);
  };

  const field = (name) => form.elements.namedItem(name);
  form.addEventListener("submit", (event) => {
    if (form.dataset.worked) return;
    event.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = "1";
    const button = form.querySelector("button:not([type=button])");
    button?.setAttribute("aria-disabled", "true");
    const code = field("code").value.trim();
    solve(`${field("challenge").value}:${code}`, Number(form.dataset.slowBits), (number) => {
      field("code").value = code;
      field("work").value = String(number);
      form.dataset.worked = "1";
      delete form.dataset.sent;
      form.requestSubmit();
    });
  });
  window.addEventListener("pageshow", () => delete form.dataset.worked);
  // A code that was entered before the page knew: it goes on by itself.
  if (form.hasAttribute("data-slow-resume") && field("code").value) form.requestSubmit();
})();
