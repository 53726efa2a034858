// The public check: drop a file, photograph a QR code. Without this the forms work as they stand.
(() => {
  "use strict";
  const drop = document.getElementById("drop");
  if (!drop) return;
  const file = drop.querySelector("input[type=file]");
  const says = document.getElementById("file-says");
  const say = (what) => { says.textContent = says.dataset[what] || ""; };

  // A file that is too large never leaves the phone.
  const fits = () => {
    const chosen = file.files[0];
    if (!chosen) return true;
    if (chosen.size > Number(drop.dataset.most)) { say("large"); return false; }
    if (chosen.size === 0) { say("empty"); return false; }
    say("");
    return true;
  };
  file.addEventListener("change", fits);
  drop.addEventListener("submit", (event) => {
    if (!fits()) event.preventDefault();
    else say("working");
  });
  window.addEventListener("pageshow", () => say(""));

  document.getElementById("drop-help").hidden = false;
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    drop.requestSubmit();
  });
  // Dropped beside the form, a file would replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

  // Whatever a code says, only a number is taken from it, and only our own page is asked.
  const scan = document.getElementById("scan");
  if (!("BarcodeDetector" in window)) return;
  const number = document.getElementById("number");
  window.BarcodeDetector.getSupportedFormats().then((formats) => { scan.hidden = !formats.includes("qr_code"); }).catch(() => {});
  scan.querySelector("input").addEventListener("change", async (event) => {
    const [picture] = event.target.files;
    event.target.value = "";
    if (!picture) return;
    say("");
    try {
      const found = await new window.BarcodeDetector({ formats: ["qr_code"] }).detect(await createImageBitmap(picture));
      const read = found.map((code) => code.rawValue.match(/\/verify\/([A-Za-z0-9-]{20,40})/) || code.rawValue.match(/^([A-Za-z0-9-]{20,40})$/)).find(Boolean);
      if (!read) { say("noCode"); return; }
      number.value = read[1];
      number.form.requestSubmit();
    } catch {
      say("noCode");
    }
  });
})();
