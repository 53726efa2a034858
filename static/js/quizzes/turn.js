// Many enter at once: comes in by itself when the server's time for it has come. The server checks it.
// Without an answer it keeps the place and asks again after growing pauses, and says so.
(() => {
  "use strict";
  const form = document.getElementById("enter");
  if (!form || !form.dataset.turnIn) return;
  const { ask } = window.quizWire;
  const said = document.getElementById("door-said");
  const LONGEST_PAUSE = 20000;
  let pause = 1000, timer = 0;

  const plan = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(come, wait);
  };

  const come = async () => {
    const { status, reply } = await ask(form.dataset.door, { turn: form.elements.turn.value });
    if (status === 200 && reply && reply.go) location.assign(reply.go);
    else if (status === 409 && reply && reply.turn) {
      said.textContent = "";
      pause = 1000;
      form.elements.turn.value = reply.turn;
      plan(reply.turn_in + 100);
    } else if (status === 0 || status === 429 || status >= 500) {
      said.textContent = form.dataset.textLost;
      plan(pause * (0.5 + Math.random())); // a server that comes back is not run over
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    } else form.requestSubmit(); // signed out, refused, closed: the page says it in words
  };

  plan(Number(form.dataset.turnIn) + 100);
  window.addEventListener("online", () => { if (said.textContent) plan(500); });
})();
