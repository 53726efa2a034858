// Before handing in: answers that wait in this browser would be lost by it; in an exam the signs of life go on.
(async () => {
  "use strict";
  const page = document.getElementById("confirm");
  const { person, key, presence: address, self } = page.dataset;
  const journal = await window.quizJournal.open(Number(person), Number(key));
  if (journal.waiting.length) {
    document.getElementById("waiting").hidden = false;
    document.getElementById("hand-in").hidden = true;
  }
  if (!address) return;
  let isLeaving = false;
  const presence = new window.quizPresence.Presence({
    address,
    key: `away-${key}`,
    unacknowledged: () => journal.waiting.length,
    told: { answered: (reply) => { if (reply.over) location.replace(self); }, trouble: () => {} },
  });
  document.addEventListener("submit", () => { isLeaving = true; });
  document.addEventListener("click", (event) => { if (event.target.closest("#confirm a")) isLeaving = true; });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") presence.comeBack();
    else if (!isLeaving) presence.leave();
  });
  presence.start();
})();
