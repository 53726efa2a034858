// Shows the time that is left. Counted from what the server last said, never from the device's time of day.
window.quizClock = (() => {
  "use strict";
  const WARNINGS = [5, 1]; // minutes

  class Clock {
    // told: near() shortly before the end, ended(), going() when an ended clock has time again, warn(minutes)
    constructor(shown, told) {
      Object.assign(this, { shown, told });
      this.deadline = null;
      this.warned = 0;
      this.wasNear = false;
      this.isEnded = false;
      this.isStopped = false;
      this.beat = 0;
    }

    get left() { return this.deadline === null ? Infinity : this.deadline - performance.now(); }

    // `remaining`: milliseconds, null without limit. Whether the end has moved away by more than a message takes.
    sync(remaining) {
      if (this.isStopped || remaining === null || remaining === undefined) return false;
      const before = this.deadline;
      this.deadline = performance.now() + Number(remaining);
      if (this.left > 3000) this.wasNear = false;
      if (this.isEnded && remaining > 0) {
        this.isEnded = false;
        this.told.going();
      }
      this.tick();
      return before !== null && this.deadline - before > 20000;
    }

    tick() {
      if (this.deadline === null) return;
      const seconds = Math.max(0, Math.ceil(this.left / 1000));
      const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
      if (seconds >= 3600) parts.unshift(String(Math.floor(seconds / 3600)));
      this.shown.textContent = parts.join(":");
      this.shown.parentElement.classList.toggle("is-near", seconds <= 60);
      for (const minutes of WARNINGS) {
        if (seconds <= minutes * 60 && seconds > minutes * 60 - 10 && this.warned !== minutes) {
          this.warned = minutes;
          this.told.warn(minutes);
        }
      }
      if (seconds <= 2 && !this.wasNear) {
        this.wasNear = true;
        this.told.near();
      }
      if (seconds === 0 && !this.isEnded) {
        this.isEnded = true;
        this.told.ended();
      }
    }

    start() {
      this.tick();
      this.beat = setInterval(() => this.tick(), 500);
    }

    // The attempt is over, perhaps before its time: no minute is left to show.
    stop() {
      this.isStopped = true;
      clearInterval(this.beat);
      if (this.deadline === null) return;
      this.deadline = null;
      this.shown.textContent = "";
      this.shown.parentElement.hidden = true;
    }
  }

  return { Clock };
})();
