// Carries acts of answering from the journal to the server: one at a time, in the order of making, again and again
// with the same token until the server says what became of them. Nothing leaves the journal before that.
window.quizCarrier = (() => {
  "use strict";
  const LATE = 10000; // an act that waited longer asks whether another device has answered since
  const LONGEST_PAUSE = 30000;
  const MOST_BEFORE = 20; // as many as the server takes with one act
  const SHORT_PAUSE = 2000; // when the time is over and only the grace is left

  const random = (length) => {
    const bytes = crypto.getRandomValues(new Uint8Array(length)); // randomUUID is missing outside https
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  // One name for all tabs of this browser, so that the server knows whose acts stand against each other.
  const deviceName = () => {
    try {
      const known = localStorage.getItem("quiz-device");
      if (known) return known;
      const made = random(6);
      localStorage.setItem("quiz-device", made);
      return made;
    } catch { return random(6); }
  };

  class Carrier {
    // told: sending(act), acknowledged(act, reply), refused(act, reply), over(reply), trouble(kind, "" for none), changed()
    constructor({ journal, address, told }) {
      Object.assign(this, { journal, address, told });
      this.page = random(4);
      this.device = deviceName();
      this.sent = new Set(journal.waiting.map((act) => act.token)); // what is in the journal already may have been sent
      this.isBusy = false;
      this.isHalted = false;
      this.hurries = false;
      this.tries = 0;
      this.timer = 0;
    }

    // Journal first, then the server. `base` is the number of the item's answer that the page shows.
    async give(item, response, base) {
      const act = {
        item, response, base, token: `${this.device}.${random(12)}`,
        page: this.page, ran: performance.now(), wall: Date.now(),
      };
      // Nothing of it has left the browser yet, and the person has thought again: only the last one goes.
      const unsent = this.journal.waiting.find((one) => one.item === item && one.page === this.page && !this.sent.has(one.token));
      const replaced = unsent && unsent.token;
      const kept = this.journal.add(act, replaced);
      this.told.changed();
      await kept;
      this.pump();
      return { act, replaced };
    }

    // Two clocks measure how long an act waited: one stands still while a phone sleeps, the other can be set.
    isLate(act) {
      return act.page !== this.page || Math.max(performance.now() - act.ran, Date.now() - act.wall) > LATE;
    }

    // `before`: earlier acts of the same item that nobody has acknowledged; the server stores them first.
    post(act, before = []) {
      const said = (one) => ({ item: one.item, response: one.response, token: one.token, base: one.base, late: this.isLate(one) });
      for (const one of [...before, act]) this.sent.add(one.token);
      return window.quizWire.ask(this.address, before.length ? { ...said(act), before: before.map(said) } : said(act));
    }

    async pump() {
      if (this.isBusy || this.isHalted) return;
      this.isBusy = true;
      clearTimeout(this.timer);
      while (this.journal.waiting.length && !this.isHalted) {
        if (!(await this.carry())) break;
      }
      this.isBusy = false;
      if (!this.journal.waiting.length) this.told.trouble("");
      this.told.changed();
    }

    // Send the oldest act; whether to go on with the next at once.
    async carry() {
      await this.journal.written;
      const act = this.journal.waiting[0];
      if (!act) return true;
      this.told.sending(act);
      const { status, reply } = await this.post(act);
      return this.judge(act, status, reply);
    }

    async judge(act, status, reply) {
      const error = (reply && reply.error) || "";
      if (status === 200 && reply && reply.seq) {
        this.tries = 0;
        await this.journal.drop(act.token);
        this.told.trouble("");
        this.told.acknowledged(act, reply);
        return true;
      }
      if (status === 409 && (error === "over" || error === "time_over")) {
        this.isHalted = true;
        this.told.over(reply);
        return false;
      }
      if ([400, 409, 413].includes(status) && error) {
        await this.journal.drop(act.token);
        this.told.refused(act, reply);
        return true;
      }
      this.told.trouble({ 401: "signedOut", 403: "cookies", 404: error === "not_found" ? "stranger" : "network" }[status] || "network");
      this.tries += 1;
      const pause = Math.min(this.hurries ? SHORT_PAUSE : LONGEST_PAUSE, 500 * 2 ** this.tries) * (0.5 + Math.random()); // a server that comes back is not run over
      this.timer = setTimeout(() => this.pump(), pause);
      return false;
    }

    // The network, the server or the person may be back: do not wait for the pause to end.
    again() {
      if (!this.isBusy && this.journal.waiting.length) this.pump();
    }

    resume() {
      this.isHalted = false;
      this.again();
    }

    // The page is going away: send what waits by requests that outlive it, one for each item with all its acts in their
    // order. Another request of these may be under way: whichever comes first, none overtakes a later one, for the
    // server knows them by their tokens. Of more than it takes at once the oldest go: what waits goes later, and the latest wins.
    lastChance() {
      if (this.isHalted) return;
      const acts = new Map();
      for (const act of this.journal.waiting) acts.set(act.item, [...(acts.get(act.item) || []), act]);
      for (const several of acts.values()) {
        const oldest = several.slice(0, MOST_BEFORE + 1);
        this.post(oldest.pop(), oldest);
      }
    }
  }

  return { Carrier };
})();
