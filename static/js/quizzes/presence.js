// In an exam: a sign of life about every twenty seconds, and what the learner was told is noted: leaving the page,
// coming back, a reload, pasting. Tabs of one browser are one page: it is left when none of them is in front. Durations are measured here; the time of day is the server's.
window.quizPresence = (() => {
  "use strict";
  const PACE = 20000;
  const MOST = 50;
  const ALIVE = 150000; // a tab that said nothing for so long is gone; timers of hidden tabs run once a minute
  const TO_ANOTHER = 1500; // so long it takes from one tab to the other
  const TO_LOAD = 5000; // and so long a tab that is reloaded

  class Presence {
    // told: answered(reply), trouble(status), tabs(message) for the other tabs
    constructor({ address, unacknowledged, told, key }) {
      Object.assign(this, { address, unacknowledged, told, key }); // key: where a tab remembers that it was left
      this.tab = Math.random().toString(36).slice(2, 18);
      this.others = new Map(); // tab → when it was heard
      this.waiting = 0;
      this.isNew = true;
      this.replaces = ""; // the page that this one was reloaded from: its going may reach the server after our first sign
      this.noticed = []; // what the server has not heard of yet
      this.wentAt = null;
      this.isOver = false;
    }

    notice(kind, figures) {
      if (this.isOver) return;
      this.noticed.push({ kind, ran: performance.now(), ...figures });
      this.noticed.splice(0, this.noticed.length - MOST);
    }

    async tell(more = {}) {
      if (this.isOver) return;
      this.say("here");
      const told = this.noticed.splice(0), isNew = this.isNew;
      this.isNew = false;
      const events = told.map(({ ran, ...event }) => ({ ...event, ago: Math.round((performance.now() - ran) / 1000) }));
      const { status, reply } = await window.quizWire.ask(this.address, { unacknowledged: this.unacknowledged(), events, new: isNew, page: this.tab, replaces: this.replaces, ...more });
      if (status === 200 && reply) this.told.answered(reply);
      else if (status !== 400) {
        this.noticed.unshift(...told);
        this.isNew = this.isNew || isNew;
        this.told.trouble(status);
      }
    }

    // ---- the other tabs

    say(what, more = {}) { this.told.tabs({ kind: "tab", what, tab: this.tab, ...more }); }

    hasOthers() {
      return [...this.others.values()].some((heard) => performance.now() - heard < ALIVE);
    }

    hear({ what, tab, asks }) {
      if (what === "closing") this.others.delete(tab);
      else this.others.set(tab, performance.now());
      const isFront = document.visibilityState !== "hidden";
      if (asks || (what === "closing" && isFront)) this.say(isFront ? "front" : "here");
      if (what === "front") {
        clearTimeout(this.waiting);
        this.wentAt = null;
        this.remember("");
      } else if (what === "left") {
        clearTimeout(this.waiting);
        this.wentAt = this.wentAt === null ? performance.now() : this.wentAt;
      } else if (what === "closing" && !isFront) this.leaveIn(TO_LOAD * (1 + 0.2 * Math.random()));
    }

    leaveIn(pause) {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.leave(), pause);
    }

    // ---- leaving and coming back

    hide() {
      if (!this.hasOthers()) {
        this.leave();
        return;
      }
      this.leaveIn(TO_ANOTHER);
      this.say("here", { asks: true }); // one of them may be in front in a window of its own
    }

    leave() {
      if (this.wentAt !== null || this.isOver || document.visibilityState !== "hidden") return;
      this.wentAt = performance.now();
      this.remember("1");
      this.say("left");
      this.notice("left", {});
      this.tell();
    }

    // The page is closed or reloaded, nobody knows which: the next one says it. Another tab goes on in its place.
    close() {
      if (this.isOver) return;
      if (this.hasOthers()) this.say("closing");
      else if (this.wentAt === null) this.tell({ gone: true });
    }

    // Away for how long; after a reload nobody knows.
    comeBack() {
      clearTimeout(this.waiting);
      this.say("front");
      const away = this.wentAt === null ? {} : { away: Math.round((performance.now() - this.wentAt) / 1000) };
      if (this.wentAt === null && !this.remembered()) return;
      this.wentAt = null;
      this.remember("");
      this.notice("returned", away);
    }

    remember(value, key = this.key) {
      try { sessionStorage.setItem(key, value); } catch { /* then a reload is not told as a return */ }
    }

    remembered() { return this.kept(this.key) === "1"; }

    kept(key) {
      try { return sessionStorage.getItem(key) || ""; } catch { return ""; }
    }

    start() {
      const came = performance.getEntriesByType("navigation")[0];
      const isReload = Boolean(came) && came.type === "reload";
      if (isReload && !this.remembered()) this.notice("reloaded", {});
      if (isReload) this.replaces = this.kept(`${this.key}-page`);
      this.remember(this.tab, `${this.key}-page`);
      this.say("here", { asks: true });
      if (document.visibilityState !== "hidden") this.comeBack();
      const next = () => setTimeout(async () => { await this.tell(); next(); }, PACE * (0.8 + 0.4 * Math.random()));
      setTimeout(() => this.tell(), 2000 + 3000 * Math.random()); // thousands begin together; what the page before said last comes first
      next();
    }

    stop() { this.isOver = true; }
  }

  return { Presence };
})();
