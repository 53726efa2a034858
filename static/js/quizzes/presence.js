// In an exam: a sign of life about every twenty seconds, and what the learner was told is noted: leaving the page,
// coming back, pasting. Durations are measured here; the time of day is the server's.
window.quizPresence = (() => {
  "use strict";
  const PACE = 20000;
  const MOST = 50;

  class Presence {
    // told: answered(reply), trouble(status)
    constructor({ address, unacknowledged, told, key }) {
      Object.assign(this, { address, unacknowledged, told, key }); // key: where a tab remembers that it was left
      this.noticed = []; // what the server has not heard of yet
      this.wentAt = null;
      this.isOver = false;
    }

    notice(kind, figures) {
      if (this.isOver) return;
      this.noticed.push({ kind, ran: performance.now(), ...figures });
      this.noticed.splice(0, this.noticed.length - MOST);
    }

    async tell() {
      if (this.isOver) return;
      const told = this.noticed.splice(0);
      const events = told.map(({ ran, ...event }) => ({ ...event, ago: Math.round((performance.now() - ran) / 1000) }));
      const { status, reply } = await window.quizWire.ask(this.address, { unacknowledged: this.unacknowledged(), events });
      if (status === 200 && reply) this.told.answered(reply);
      else if (status !== 400) {
        this.noticed.unshift(...told);
        this.told.trouble(status);
      }
    }

    leave() {
      if (this.wentAt !== null || this.isOver) return;
      this.wentAt = performance.now();
      this.remember("1");
      this.notice("left", {});
      this.tell();
    }

    // Away for how long; after a reload nobody knows.
    comeBack() {
      const away = this.wentAt === null ? {} : { away: Math.round((performance.now() - this.wentAt) / 1000) };
      if (this.wentAt === null && !this.remembered()) return;
      this.wentAt = null;
      this.remember("");
      this.notice("returned", away);
    }

    remember(value) {
      try { sessionStorage.setItem(this.key, value); } catch { /* then a reload is not told as a return */ }
    }

    remembered() {
      try { return sessionStorage.getItem(this.key) === "1"; } catch { return false; }
    }

    start() {
      this.comeBack();
      const next = () => setTimeout(async () => { await this.tell(); next(); }, PACE * (0.8 + 0.4 * Math.random()));
      setTimeout(() => this.tell(), 5000 * Math.random()); // thousands begin together
      next();
    }

    stop() { this.isOver = true; }
  }

  return { Presence };
})();
