// Tries numbers until SHA-256 of "salt.number" is the challenge. By hand: crypto.subtle is missing on plain http, and
// asking it for each of a hundred thousand hashes takes longer than making them.
"use strict";
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n += 1) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
const K = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const W = new Uint32Array(64);
const H = new Uint32Array(8);

// One block: the message has at most 55 bytes.
function sha256(bytes, length) {
  W.fill(0, 0, 16);
  for (let i = 0; i < length; i += 1) W[i >> 2] |= bytes[i] << (24 - 8 * (i & 3));
  W[length >> 2] |= 0x80 << (24 - 8 * (length & 3));
  W[15] = length * 8;
  for (let i = 16; i < 64; i += 1) {
    const a = W[i - 15], b = W[i - 2];
    const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
    const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
    W[i] = W[i - 16] + s0 + W[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  H.set([a, b, c, d, e, f, g, h]);
  for (let i = 0; i < 8; i += 1) H[i] += START[i];
}

onmessage = (event) => {
  const { salt, challenge, limit } = event.data;
  const wanted = Uint32Array.from({ length: 8 }, (_, i) => parseInt(challenge.slice(8 * i, 8 * i + 8), 16));
  const head = new TextEncoder().encode(`${salt}.`);
  const bytes = new Uint8Array(64);
  bytes.set(head);
  for (let number = 0; number < limit; number += 1) {
    const digits = String(number);
    for (let i = 0; i < digits.length; i += 1) bytes[head.length + i] = digits.charCodeAt(i);
    sha256(bytes, head.length + digits.length);
    if (H[0] === wanted[0] && H.every((word, i) => word === wanted[i])) {
      postMessage({ number });
      return;
    }
    if (number % 16384 === 0) postMessage({ share: (100 * number) / limit });
  }
  postMessage({ number: null });
};
