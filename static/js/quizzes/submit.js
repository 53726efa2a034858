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
  let isLeaving = false, isUnloading = false;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(`quiz-${person}-${key}`) : null;
  const presence = new window.quizPresence.Presence({
    address,
    key: `away-${key}`,
    unacknowledged: () => journal.waiting.length,
    told: {
      answered: (reply) => { if (reply.over) location.replace(self); },
      trouble: () => {},
      tabs: (message) => { if (channel) channel.postMessage(message); },
    },
  });
  if (channel) channel.addEventListener("message", ({ data }) => { if (data.kind === "tab") presence.hear(data); });
  document.addEventListener("submit", () => { isLeaving = true; });
  document.addEventListener("click", (event) => { if (event.target.closest("#confirm a")) isLeaving = true; });
  addEventListener("pagehide", (event) => {
    isUnloading = !event.persisted;
    if (isUnloading && !isLeaving) presence.close();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") presence.comeBack();
    else if (!isLeaving && !isUnloading) presence.hide();
  });
  presence.start();
})();
