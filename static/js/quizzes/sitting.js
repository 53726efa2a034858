// Waits before the entrance of an exam and opens it by itself. The server says how long and whether; nobody reloads.
(() => {
  "use strict";
  const door = document.getElementById("door");
  if (!door || !("waits" in door.dataset)) return;
  const { ask } = window.quizWire;
  const countdown = document.getElementById("countdown");
  const said = document.getElementById("door-said");
  const LONGEST = 60000; // the sitting may be moved while one waits
  let opensAt = 0, timer = 0;

  const show = () => {
    const left = Math.max(0, Math.ceil((opensAt - performance.now()) / 1000));
    const parts = [Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60, left % 60].map((part) => String(part).padStart(2, "0"));
    const days = Math.floor(left / 86400);
    countdown.textContent = (days ? `${days} ${door.dataset.textDays} ` : "") + parts.join(":");
  };

  // All who wait for the same second ask in the second after it, not in one instant.
  const plan = (opensIn) => {
    opensAt = performance.now() + opensIn;
    show();
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(opensIn, LONGEST * (0.7 + 0.3 * Math.random())) + 1000 * Math.random());
  };

  const look = async () => {
    const { status, reply } = await ask(door.dataset.door);
    if (status === 401) location.reload(); // to the sign-in and back
    else if (status !== 200 || !reply) {
      said.textContent = door.dataset.textLost;
      timer = setTimeout(look, 2000 + 4000 * Math.random());
    } else if (reply.may_enter) open();
    else if (reply.waits) {
      said.textContent = "";
      plan(reply.opens_in);
    } else location.reload(); // closed, withdrawn: the page says it in words
  };

  const open = () => {
    door.classList.add("is-open");
    document.getElementById("door-words").textContent = door.dataset.textOpen;
    countdown.hidden = true;
    document.getElementById("door-hint").hidden = true;
    document.getElementById("enter").hidden = false;
    said.textContent = "";
    document.title = `● ${door.dataset.textOpen}`;
    clearInterval(ticking);
  };

  countdown.hidden = false;
  const came = performance.getEntriesByType("navigation")[0];
  plan(Math.max(0, Number(door.dataset.opensIn) - (performance.now() - (came ? came.responseStart : 0))));
  const ticking = setInterval(show, 500);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && !countdown.hidden) look(); });
})();
