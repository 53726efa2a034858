// Past the limit: solve the sum of the page in a worker, then go on.
(() => {
  "use strict";
  const form = document.getElementById("work");
  const box = document.getElementById("working");
  if (!window.Worker) return;
  const status = box.querySelector("[role=status]");
  const bar = box.querySelector("progress");
  const failed = () => { status.textContent = status.dataset.failed; bar.hidden = true; };
  const worker = new Worker(form.dataset.worker);
  worker.addEventListener("error", failed);
  worker.addEventListener("message", (event) => {
    const { number, share } = event.data;
    if (share !== undefined) { bar.value = share; return; }
    if (number === null) { failed(); return; }
    form.elements.number.value = number;
    bar.value = 100;
    status.textContent = status.dataset.done;
    form.submit();
  });
  box.hidden = false;
  worker.postMessage({ salt: form.elements.salt.value, challenge: form.elements.challenge.value, limit: Number(form.elements.limit.value) });
})();
