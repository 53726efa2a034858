// Signed in again in a tab of its own: the waiting page is told at once.
(() => {
  "use strict";
  const { person, attempt } = document.getElementById("back").dataset;
  if ("BroadcastChannel" in window) new BroadcastChannel(`quiz-${person}-${attempt}`).postMessage({ kind: "back" });
  const close = document.querySelector("[data-close]");
  if (!window.opener) return;
  close.hidden = false;
  close.addEventListener("click", () => window.close());
})();
