// Saves each answer as it is given, shows what the server acknowledged, and keeps what it did not.
// The server owns clock, paper and key; this script only carries. Without it the form still works.
(() => {
  "use strict";
  const form = document.getElementById("attempt");
  if (!form) return;
  const text = form.dataset;
  const notice = document.getElementById("notice");
  const signedOut = document.getElementById("signed-out");
  const spoken = document.getElementById("spoken");
  const items = new Map(); // id → {id, box, state, hidden, seq, last, timer}
  const waiting = new Map(); // id → act that nobody acknowledged yet; the newest for its item
  let flying = null;
  let tries = 0;
  let retryTimer = 0;
  let isOver = false;
  let leaving = false;

  const token = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing outside https
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const csrf = () => (document.cookie.match(/(?:^|; )csrftoken=([^;]*)/) || ["", form.elements.csrfmiddlewaretoken.value])[1];
  const say = (message) => { spoken.textContent = message; };

  // ---- what is in the fields

  const { isTyped, prepare } = window.quizFields;
  const read = (item) => window.quizFields.read(item.box);
  const isComplete = (item) => window.quizFields.isComplete(item.box);
  const write = (item, response) => {
    window.quizFields.write(item.box, response);
    item.last = JSON.stringify(read(item));
  };

  // ---- what is shown

  const show = (item, state, detail) => {
    item.state.dataset.state = state;
    const words = { saved: text.textSaved, saving: text.textSaving, retry: text.textRetry, typing: text.textTyping, none: text.textNone, elsewhere: text.textElsewhere, failed: text.textFailed };
    item.state.textContent = words[state] + (detail ? ` ${detail}` : "");
  };

  const count = () => {
    let answered = 0;
    for (const item of items.values()) {
      const done = isComplete(item);
      answered += done;
      item.link.classList.toggle("is-done", done);
      const flagged = item.flag.getAttribute("aria-pressed") === "true";
      item.link.classList.toggle("is-flagged", flagged);
      item.link.querySelector("span").textContent = ` ${done ? text.textDone : text.textOpen}${flagged ? `, ${text.textFlagged}` : ""}`;
    }
    document.getElementById("answered").textContent = answered;
  };

  const tell = (message) => {
    notice.hidden = !message;
    if (notice.textContent !== message) notice.textContent = message;
  };

  // ---- carrying answers to the server, one at a time, in the order of the acts

  const isUnsaved = () => waiting.size > 0 || flying !== null || [...items.values()].some((item) => item.timer);

  const enqueue = (item) => {
    clearTimeout(item.timer);
    item.timer = 0;
    const response = read(item);
    const now = JSON.stringify(response);
    count();
    if (now === item.last || isOver) {
      if (item.state.dataset.state === "typing") show(item, item.seq ? "saved" : "none", item.seq ? `#${item.seq}` : "");
      return;
    }
    item.last = now;
    waiting.delete(item.id); // the newest act goes to the end of the queue
    waiting.set(item.id, { item: item.id, response, token: token() });
    show(item, "saving");
    pump();
  };

  const post = (act) => fetch(text.answers, {
    method: "POST", keepalive: true, credentials: "same-origin", redirect: "manual",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() }, body: JSON.stringify(act),
  });

  const pump = async () => {
    if (flying || isOver || waiting.size === 0) return;
    clearTimeout(retryTimer);
    const act = waiting.values().next().value;
    flying = act;
    let answer = null, status = 0;
    const abort = new Promise((_resolve, reject) => setTimeout(() => reject(new Error("slow")), 15000));
    try {
      const response = await Promise.race([post(act), abort]);
      status = response.status;
      answer = await response.json();
    } catch { /* no network, no JSON: tried again below */ }
    flying = null;
    const item = items.get(act.item);
    const isNewest = waiting.get(act.item) === act;
    if (status === 200 && answer) {
      tries = 0;
      signedOut.hidden = true;
      tell("");
      if (isNewest) waiting.delete(act.item);
      item.seq = answer.seq;
      item.hidden.value = answer.seq;
      if (isNewest && !item.timer) show(item, "saved", `#${answer.seq}`);
      sync(answer.remaining);
    } else if (status === 409 && answer && (answer.error === "over" || answer.error === "time_over")) {
      end(answer.message);
      return;
    } else if ([400, 404, 409].includes(status) && answer && answer.error) {
      if (isNewest) { waiting.delete(act.item); item.last = null; }
      show(item, "failed", answer.message);
      say(answer.message);
    } else {
      if (status === 401) signedOut.hidden = false;
      else if (tries > 1) tell(text.textWait);
      for (const id of waiting.keys()) show(items.get(id), "retry");
      tries += 1;
      retryTimer = setTimeout(pump, status === 401 ? 10000 : Math.min(30000, 1000 * 2 ** Math.min(tries, 5)));
      return;
    }
    pump();
  };

  const flush = () => {
    for (const item of items.values()) if (item.timer) enqueue(item);
  };

  // Going away: whatever is not acknowledged is sent once more, by requests that outlive the page. Same tokens: nothing doubles.
  const lastChance = () => {
    flush();
    for (const act of waiting.values()) post(act).catch(() => {});
  };

  const retryNow = () => {
    if (waiting.size && !flying) pump();
  };

  // ---- the clock: only what the server says is left

  const clock = document.getElementById("clock");
  let deadline = null;
  let warned = 0;
  const sync = (remaining) => {
    if (remaining !== null && remaining !== undefined) deadline = performance.now() + Number(remaining);
  };
  const tick = () => {
    if (deadline === null || isOver) return;
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
    const parts = [Math.floor(left / 60) % 60, left % 60].map((part) => String(part).padStart(2, "0"));
    if (left >= 3600) parts.unshift(String(Math.floor(left / 3600)));
    clock.textContent = parts.join(":");
    clock.parentElement.classList.toggle("is-near", left <= 60);
    for (const minutes of [5, 1]) {
      if (left <= minutes * 60 && left > minutes * 60 - 10 && warned !== minutes) {
        warned = minutes;
        say(`${minutes} ${text.textMinutes}`);
      }
    }
    if (left === 0) timeOver();
  };
  let asking = false;
  const timeOver = async () => {
    if (asking) return;
    asking = true;
    flush();
    tell(text.textOver);
    await look();
    setTimeout(() => { asking = false; }, 3000);
  };

  const end = (message) => {
    isOver = true;
    leaving = true;
    waiting.clear();
    tell(message);
    say(message);
    for (const field of form.elements) field.disabled = true;
    const link = document.createElement("a");
    link.href = text.self; // the server leads on to the result
    link.textContent = ` ${text.textToResult}`;
    notice.append(link);
  };

  // ---- other windows and devices: the later act wins, and both say so

  const look = async () => {
    if (isOver) return;
    let status = 0, answer = null;
    try {
      const response = await fetch(text.answers, { credentials: "same-origin", redirect: "manual", cache: "no-store" });
      status = response.status;
      answer = await response.json();
    } catch { return; }
    if (status === 401) { signedOut.hidden = false; return; }
    if (status !== 200 || !answer) return;
    signedOut.hidden = true;
    sync(answer.remaining);
    if (answer.over) {
      leaving = true;
      location.replace(text.self);
      return;
    }
    for (const other of answer.answers) {
      const item = items.get(other.item);
      if (!item || other.seq <= item.seq || waiting.has(item.id) || item.timer || (flying && flying.item === item.id)) continue;
      item.seq = other.seq;
      item.hidden.value = other.seq;
      write(item, other.response);
      show(item, "elsewhere", `#${other.seq}`);
    }
    count();
    retryNow();
  };

  // ---- wiring

  for (const box of form.querySelectorAll("fieldset[data-item]")) {
    const id = Number(box.dataset.item);
    const hidden = form.elements[`seq-${id}`];
    const item = {
      id, box, hidden, state: box.querySelector(".quiz-state"), flag: box.querySelector(".quiz-flag"),
      link: form.querySelector(`.quiz-nav a[data-for="${id}"]`), seq: Number(hidden.value), last: null, timer: 0,
    };
    items.set(id, item);
    item.last = JSON.stringify(read(item));
    prepare(box, { up: text.textUp, down: text.textDown }, (line, place) => {
      say(`${line}: ${text.textMoved} ${place}`);
      enqueue(item);
    });
    const flagKey = `flag-${text.key}-${id}`;
    item.flag.hidden = false;
    if (sessionStorage.getItem(flagKey)) item.flag.setAttribute("aria-pressed", "true");
    item.flag.addEventListener("click", () => {
      const on = item.flag.getAttribute("aria-pressed") !== "true";
      item.flag.setAttribute("aria-pressed", String(on));
      if (on) sessionStorage.setItem(flagKey, "1"); else sessionStorage.removeItem(flagKey);
      count();
    });
    box.addEventListener("change", () => enqueue(item));
    box.addEventListener("input", (event) => {
      if (!isTyped(event.target)) return;
      clearTimeout(item.timer);
      show(item, "typing");
      item.timer = setTimeout(() => enqueue(item), 1200);
    });
  }

  document.getElementById("save-all").hidden = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    flush();
    const started = performance.now();
    const go = () => {
      if (isOver) return;
      if (!isUnsaved()) { leaving = true; location.assign(text.submit); return; }
      if (performance.now() - started > 10000) { tell(text.textWait); say(text.textWait); return; }
      setTimeout(go, 100);
    };
    retryNow();
    go();
  });
  // Enter in a blank would hand in; it only saves.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "text") { event.preventDefault(); flush(); }
  });
  for (const link of form.querySelectorAll(".quiz-nav a")) {
    link.addEventListener("click", () => { form.querySelector(".quiz-nav").open = false; });
  }
  addEventListener("beforeunload", (event) => {
    if (leaving || !isUnsaved()) return;
    flush();
    event.preventDefault();
  });
  addEventListener("pagehide", () => { if (!leaving) lastChance(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") lastChance(); else { retryNow(); look(); }
  });
  addEventListener("online", retryNow);
  addEventListener("focus", retryNow);
  addEventListener("pageshow", (event) => { if (event.persisted) { leaving = false; look(); } });
  if ("remaining" in text) {
    // Counted from when the page came, not from when this script ran.
    sync(Number(text.remaining) - (performance.now() - (performance.getEntriesByType("navigation")[0]?.responseStart || 0)));
    tick();
    setInterval(tick, 500);
  }
  setInterval(look, 60000);
  count();
})();
