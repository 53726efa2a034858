/* A lesson works without this file. With it: the reading place is kept, and self-checks answer at once. */
(() => {
  "use strict";

  const lesson = document.getElementById("lesson");
  if (!lesson) return;

  /* Self-checks ---------------------------------------------------------------------------- */
  for (const check of lesson.querySelectorAll("[data-self-check]")) {
    const button = check.querySelector("[data-check]");
    const answers = check.querySelector(".check-answers");
    const verdict = check.querySelector(".check-verdict");
    const inputs = [...check.querySelectorAll("input")];
    button.hidden = false;
    answers.hidden = true;
    button.addEventListener("click", () => {
      if (!inputs.some((input) => input.checked)) {
        verdict.textContent = check.dataset.choose;
        inputs[0].focus();
        return;
      }
      const right = inputs.every((input) => input.checked === input.hasAttribute("data-right"));
      const partly = !right && inputs.some((input) => input.checked && input.hasAttribute("data-right"));
      verdict.textContent = right ? check.dataset.allRight : partly ? check.dataset.partlyRight : check.dataset.notRight;
      verdict.className = "check-verdict " + (right ? "is-right" : "is-wrong");
      answers.hidden = false;
      answers.open = true;
    });
  }

  /* Reading place --------------------------------------------------------------------------- */
  const url = lesson.dataset.placeUrl;
  if (!url || !navigator.sendBeacon) return;
  const BEAT = 20000;
  const blocks = [...lesson.querySelectorAll("[data-block]")];
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  let furthest = 0;
  let left = false;  // the first block: until then the place of last time stands, and is offered

  function current() {
    let found = 0;
    for (const block of blocks) {
      if (block.getBoundingClientRect().top > window.innerHeight / 3) break;
      found = Number(block.dataset.block);
    }
    return found;
  }

  function seen() {
    const box = lesson.getBoundingClientRect();
    const share = Math.round(((window.innerHeight - box.top) / box.height) * 100);
    furthest = Math.max(furthest, Math.min(99, Math.max(0, share)));
    return furthest;
  }

  function tell(resumed) {
    const form = new FormData();
    form.append("csrfmiddlewaretoken", token ? token.value : cookie ? cookie[1] : "");
    left = left || current() > 0;
    if (left) form.append("position", String(current()));
    form.append("furthest", String(seen()));
    if (resumed) form.append("resumed", "1");
    navigator.sendBeacon(url, form);
  }

  window.addEventListener("scroll", seen, { passive: true });
  document.addEventListener("visibilitychange", () => {
    tell(document.visibilityState === "visible");
  });
  setInterval(() => { if (document.visibilityState === "visible") tell(false); }, BEAT);
})();
