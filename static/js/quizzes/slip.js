// After the end: says which answers of this browser never reached the server, and empties the journal of the attempt.
(async () => {
  "use strict";
  const notice = document.getElementById("undelivered");
  if (!notice) return;
  const journal = await window.quizJournal.open(Number(notice.dataset.person), Number(notice.dataset.attempt));
  if (!journal.waiting.length) return;
  notice.querySelector("[data-count]").textContent = new Set(journal.waiting.map((act) => act.item)).size;
  notice.hidden = false;
  journal.clear();
})();
