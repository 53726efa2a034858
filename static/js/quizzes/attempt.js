// The page of an attempt: what is answered goes to the journal and from there to the server; what comes back is shown.
// The server owns clock, paper, key and order. Without this script the form still works.
(async () => {
  "use strict";
  const form = document.getElementById("attempt");
  if (!form) return;
  const text = form.dataset;
  const { read, write, isComplete, fault, isTyped, prepare } = window.quizFields;
  const find = (id) => document.getElementById(id);
  const items = new Map(); // id → {id, number, box, state, hidden, flag, link, seq, last, isForeign, timer, since, aside}
  const PACE = { text: [1200, 5000], area: [1500, 5000] }; // save after a rest, but at the latest after so long, in ms
  const COURTESY = 60000; // how often a page outside exams asks what stands
  let newest = Number(text.newest);
  let wantsLook = false;
  let isOver = false;
  let isLeaving = false;
  let isUnloading = false;
  let receipt = "";
  let presence = null;

  const say = (message) => { find("spoken").textContent = message; };
  const tell = (message) => {
    find("notice").hidden = !message;
    if (find("notice").textContent !== message) find("notice").textContent = message;
  };

  const remembered = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
  const remember = (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* then a reload forgets it */ } };

  // ---- what is shown

  const WORDS = {
    saved: text.textSaved, saving: text.textSaving, retry: text.textRetry, typing: text.textTyping, none: text.textNone,
    elsewhere: text.textElsewhere, replaced: text.textReplaced, aside: text.textAside, failed: text.textFailed,
  };
  const KEPT = new Set(["saved", "elsewhere", "replaced"]);
  const FAULTS = { partly: text.textPartly, twice: text.textTwice };
  const show = (item, state, detail) => {
    item.state.dataset.state = state;
    const open = KEPT.has(state) ? FAULTS[fault(item.box)] || "" : "";
    item.state.textContent = WORDS[state] + (detail ? ` ${detail}` : "") + open;
    if (state !== "aside" && item.aside) {
      item.aside.remove();
      item.aside = null;
    }
  };

  const count = () => {
    let answered = 0;
    for (const item of items.values()) {
      const done = isComplete(item.box);
      answered += done;
      item.link.classList.toggle("is-done", done);
      const flagged = item.flag.getAttribute("aria-pressed") === "true";
      item.link.classList.toggle("is-flagged", flagged);
      item.link.querySelector("span").textContent = ` ${done ? text.textDone : text.textOpen}${flagged ? `, ${text.textFlagged}` : ""}`;
    }
    find("answered").textContent = answered;
  };

  const status = () => {
    const line = find("status"), waiting = isOver ? 0 : journal.waiting.length; // what is left then counts no more, and the notice says so
    line.dataset.state = waiting ? "waiting" : "saved";
    if (waiting) line.textContent = `${waiting} ${journal.isLasting ? text.textKept : text.textFleeting}`;
    else if (isOver) line.textContent = "";
    else if (receipt || (newest && journal.isLasting)) line.textContent = `${text.textAllSaved} ${receipt}`.trim();
    else line.textContent = journal.isLasting ? "" : text.textFleetingHint;
  };

  const showAdded = (added) => {
    for (const one of added || []) {
      if (find("added").querySelector(`[data-added="${one.pk}"]`)) continue;
      const line = document.createElement("li");
      line.dataset.added = one.pk;
      line.textContent = one.text;
      find("added").append(line);
      say(one.text);
    }
  };

  const lock = (isLocked) => {
    for (const item of items.values()) item.box.disabled = isLocked;
    find("hand-in").disabled = isLocked;
  };

  // ---- from the fields into the journal

  const enqueue = (item) => {
    clearTimeout(item.timer);
    item.timer = 0;
    item.since = 0;
    const response = read(item.box);
    const now = JSON.stringify(response);
    count();
    if (isOver) return;
    if (now === item.last) {
      if (item.state.dataset.state === "typing") show(item, item.seq ? "saved" : "none", item.seq ? `#${item.seq}` : "");
      return;
    }
    item.last = now;
    item.isForeign = false;
    show(item, "saving");
    carrier.give(item.id, response, item.seq).then((given) => heard({ kind: "act", ...given }));
  };

  const flush = () => {
    for (const item of items.values()) if (item.timer) enqueue(item);
  };

  const typing = (item, field) => {
    const [rest, latest] = field.tagName === "TEXTAREA" ? PACE.area : PACE.text;
    clearTimeout(item.timer);
    item.since = item.since || performance.now();
    show(item, "typing");
    item.timer = setTimeout(() => enqueue(item), Math.max(0, Math.min(rest, item.since + latest - performance.now())));
  };

  const isUnsaved = () => journal.waiting.length > 0 || [...items.values()].some((item) => item.timer);

  // Another answer takes the place of what the fields show; `isForeign`: what they show now was not given in this tab.
  const take = (item, response) => {
    const before = item.last;
    write(item.box, response);
    item.last = JSON.stringify(read(item.box));
    item.isForeign = item.isForeign || item.last !== before;
  };

  // ---- what the server says

  const settle = (act, reply, isOwn) => {
    const item = items.get(act.item);
    if (!item) return;
    const other = reply.other;
    const isNewer = reply.seq > item.seq;
    if (reply.seq !== newest + 1) wantsLook = true; // something else was saved in between, or this one long ago
    item.seq = other && other.stands ? other.seq : reply.seq;
    item.hidden.value = item.seq;
    newest = Math.max(newest, item.seq);
    receipt = `${text.textReceipt} #${reply.seq} ${reply.code}`;
    if (isOwn && clock.sync(reply.remaining)) ask(); // time was added: why?
    if (journal.waitsFor(item.id) || item.timer) return;
    if (!isOwn && !other && isNewer) take(item, act.response); // another tab delivered it, which may be what this one gave
    if (other && other.stands) setAside(item, act.response, other);
    else show(item, other ? "replaced" : isOwn || !item.isForeign ? "saved" : "elsewhere", `#${item.seq}`);
    count();
  };

  const setAside = (item, own, other) => {
    take(item, other.response);
    show(item, "aside", `#${other.seq}`);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-primary";
    button.textContent = text.textUseMine;
    button.addEventListener("click", () => {
      write(item.box, own);
      item.box.querySelector("input, select, textarea").focus();
      enqueue(item);
    });
    item.state.after(button);
    item.aside = button;
    say(`${item.number}: ${text.textAside}`);
  };

  const refuse = (act, reply) => {
    const item = items.get(act.item);
    if (!item) return;
    item.last = null;
    show(item, "failed", reply.message);
    say(reply.message);
  };

  const trouble = (kind) => {
    find("signed-out").hidden = kind !== "signedOut";
    find("stranger").hidden = kind !== "stranger";
    if (kind === "cookies") look();
    if (!kind && find("notice").textContent === text.textWait) tell("");
    if (!kind) return;
    for (const act of journal.waiting) if (items.has(act.item) && !items.get(act.item).timer) show(items.get(act.item), "retry");
    if (kind === "network" && carrier.tries > 1 && !clock.isEnded) tell(text.textWait);
  };

  // What stands on the server: for two devices, and after anything that may have gone by unseen. Whether it is over; null: no answer.
  const look = async () => {
    if (isOver) return true;
    wantsLook = false;
    const { status: code, reply } = await window.quizWire.ask(text.answers);
    if (code === 401) trouble("signedOut");
    if (code === 404 && reply) trouble("stranger");
    if (code !== 200 || !reply) return null;
    learn(reply);
    if (isOver) return true;
    for (const other of reply.answers) {
      const item = items.get(other.item);
      newest = Math.max(newest, other.seq);
      if (!item || other.seq <= item.seq || item.timer || journal.waitsFor(item.id)) continue;
      item.seq = other.seq;
      item.hidden.value = other.seq;
      take(item, other.response);
      show(item, item.isForeign ? "elsewhere" : "saved", `#${other.seq}`);
    }
    count();
    carrier.again();
    return false;
  };

  // What every answer about the attempt's state holds.
  const learn = (reply) => {
    find("signed-out").hidden = true;
    find("stranger").hidden = true;
    showAdded(reply.added);
    if (reply.over) finish(text.textEnded);
    else clock.sync(reply.remaining);
  };

  const ask = () => (presence ? presence.tell() : look());

  // ---- the end

  const finish = (message) => {
    if (isOver) return;
    isOver = true;
    carrier.isHalted = true;
    if (presence) presence.stop();
    clock.stop();
    lock(true);
    const undelivered = journal.waiting.length;
    for (const act of journal.waiting) if (items.has(act.item)) show(items.get(act.item), "failed");
    status();
    tell(undelivered ? `${message} ${text.textUndelivered} ${undelivered}` : message);
    say(find("notice").textContent);
    isLeaving = true;
    const link = document.createElement("a");
    link.href = text.self; // the server leads on to the slip or the result
    link.textContent = ` ${text.textGoOn}`;
    find("notice").append(link);
    if (!undelivered) location.replace(text.self);
  };

  const timeOver = async () => {
    flush();
    lock(true);
    tell(text.textOver);
    carrier.hurries = true;
    carrier.again();
    const pauses = [1500, Number(text.grace) * 1000 + 2000];
    while (clock.isEnded && !isOver) {
      const pause = pauses.shift() || 4000;
      await new Promise((resolve) => { setTimeout(resolve, pause > 1500 ? pause + Math.random() * 2000 : pause * Math.random()); });
      await look();
    }
  };

  const goOn = () => {
    if (isOver) return;
    lock(false);
    tell("");
    carrier.hurries = false;
    carrier.resume();
  };

  const clock = new window.quizClock.Clock(find("clock"), {
    near: flush,
    ended: timeOver,
    going: goOn,
    warn: (minutes) => say(`${minutes} ${text.textMinutes}`),
  });

  // ---- tabs of this browser tell each other at once

  const channel = "BroadcastChannel" in window ? new BroadcastChannel(`quiz-${text.person}-${text.key}`) : null;
  const heard = (message) => { if (channel) channel.postMessage(message); };
  const hear = ({ data }) => {
    const item = data.act && items.get(data.act.item);
    if (data.kind === "tab") {
      if (presence) presence.hear(data);
      return;
    }
    if (data.kind === "back") look();
    else if (data.kind === "act") {
      journal.forget(data.replaced);
      journal.hear(data.act);
      if (item && !item.timer) {
        take(item, data.act.response);
        show(item, "saving");
      }
    } else if (data.kind === "sending") carrier.sent.add(data.act.token);
    else if (data.kind === "refused") journal.forget(data.act.token);
    else if (data.kind === "acknowledged") {
      journal.forget(data.act.token);
      settle(data.act, data.reply, false);
    }
    count();
    status();
  };

  // ---- the items

  for (const box of form.querySelectorAll("fieldset[data-item]")) {
    const id = Number(box.dataset.item);
    const hidden = form.elements[`seq-${id}`];
    const item = {
      id, box, hidden, number: box.querySelector(".quiz-number").textContent, state: box.querySelector(".quiz-state"),
      flag: box.querySelector(".quiz-flag"), link: form.querySelector(`.quiz-nav a[data-for="${id}"]`),
      seq: Number(hidden.value), last: null, isForeign: false, timer: 0, since: 0, aside: null,
    };
    items.set(id, item);
    prepare(box, { up: text.textUp, down: text.textDown }, (line, place) => {
      say(`${line}: ${text.textMoved} ${place}`);
      enqueue(item);
    });
    item.last = JSON.stringify(read(box));
    if (item.seq) show(item, "saved", `#${item.seq}`);
  }

  const journal = await window.quizJournal.open(Number(text.person), Number(text.key));
  const carrier = new window.quizCarrier.Carrier({
    journal,
    address: text.answers,
    told: {
      sending: (act) => heard({ kind: "sending", act }),
      acknowledged: (act, reply) => {
        heard({ kind: "acknowledged", act, reply });
        settle(act, reply, true);
      },
      refused: (act, reply) => {
        heard({ kind: "refused", act });
        refuse(act, reply);
      },
      // The end may have been moved since: the server is asked once more before the page ends.
      over: async () => {
        const isReallyOver = await look();
        if (!isReallyOver) setTimeout(() => carrier.resume(), 1000 + 2000 * Math.random());
      },
      trouble,
      changed: () => {
        status();
        if (wantsLook && !journal.waiting.length) look();
      },
    },
  });
  if (channel) channel.onmessage = hear;

  for (const item of items.values()) {
    item.box.addEventListener("change", () => enqueue(item));
    item.box.addEventListener("input", (event) => { if (isTyped(event.target)) typing(item, event.target); });
    const key = `flag-${text.key}-${item.id}`;
    item.flag.hidden = false;
    item.flag.setAttribute("aria-pressed", String(remembered(key) === "1"));
    item.flag.addEventListener("click", () => {
      const on = item.flag.getAttribute("aria-pressed") !== "true";
      item.flag.setAttribute("aria-pressed", String(on));
      remember(key, on ? "1" : "");
      count();
    });
  }

  // What an earlier page could not deliver is shown again and goes first. What was touched while the journal opened is newer.
  const touched = [...items.values()].filter((item) => JSON.stringify(read(item.box)) !== item.last);
  for (const act of journal.waiting) {
    const item = items.get(act.item);
    if (!item || touched.includes(item)) continue;
    take(item, act.response);
    item.isForeign = false;
    show(item, "retry");
  }
  touched.forEach(enqueue);

  // ---- wiring

  find("save-all").hidden = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    flush();
    carrier.again();
    const started = performance.now();
    while (isUnsaved() && !isOver && performance.now() - started < 10000) await new Promise((resolve) => { setTimeout(resolve, 100); });
    if (isOver) return;
    if (isUnsaved()) {
      tell(text.textWait);
      say(text.textWait);
      return;
    }
    isLeaving = true;
    location.assign(text.submit);
  });
  // Enter in a blank would hand in; it only saves.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "text") {
      event.preventDefault();
      flush();
    }
  });
  for (const link of form.querySelectorAll(".quiz-nav a")) {
    link.addEventListener("click", () => { form.querySelector(".quiz-nav").open = false; });
  }
  addEventListener("beforeunload", (event) => {
    if (isLeaving || !isUnsaved()) return;
    flush();
    event.preventDefault();
  });
  addEventListener("pagehide", (event) => {
    if (isOver) return;
    flush();
    carrier.lastChance();
    isUnloading = !event.persisted;
    if (presence && isUnloading && !isLeaving) presence.close();
  });
  document.addEventListener("visibilitychange", () => {
    if (isOver) return;
    if (document.visibilityState === "hidden") {
      flush();
      carrier.lastChance();
      if (presence && !isLeaving && !isUnloading) presence.hide();
    } else {
      if (presence) presence.comeBack();
      look();
    }
  });
  addEventListener("online", () => carrier.again());
  addEventListener("focus", () => {
    carrier.again();
    if (!find("signed-out").hidden || !find("stranger").hidden) look();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isLeaving = false;
    look();
  });
  if (text.presence) {
    presence = new window.quizPresence.Presence({
      address: text.presence,
      key: `away-${text.key}`,
      unacknowledged: () => journal.waiting.length,
      told: {
        answered: (reply) => {
          learn(reply);
          if (!isOver && reply.newest > newest) look();
        },
        trouble: (code) => { if (code === 401 || code === 404) look(); },
        tabs: heard,
      },
    });
    form.addEventListener("paste", (event) => {
      const box = event.target.closest("fieldset[data-item]");
      const question = [...items.values()].findIndex((item) => item.box === box) + 1;
      presence.notice("pasted", { length: Math.min(event.clipboardData.getData("text").length, 1000000), question });
    });
    presence.start();
  } else setInterval(look, COURTESY);
  if ("remaining" in text) {
    // Counted from when the page came, not from when this script ran.
    const came = performance.getEntriesByType("navigation")[0];
    clock.sync(Number(text.remaining) - (performance.now() - (came ? came.responseStart : 0)));
    clock.start();
  }
  count();
  status();
  carrier.pump();
})();
