// Acts of answering that no server has acknowledged yet, kept in this browser (IndexedDB) through reloads and crashes.
// Bound to a person and an attempt: nobody else who signs in here sees or sends them. Where the browser keeps
// nothing, they live as long as the page, and `isLasting` is false.
window.quizJournal = (() => {
  "use strict";
  const SLOW = 2000; // some browsers never answer when storage is denied

  const settled = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });

  const connect = () => {
    const asked = window.indexedDB.open("quizzes", 1);
    asked.onupgradeneeded = () => {
      const acts = asked.result.createObjectStore("acts", { autoIncrement: true }); // the key tells the order of the acts
      acts.createIndex("owner", ["person", "attempt"]);
      acts.createIndex("token", "token", { unique: true });
    };
    const slow = new Promise((_resolve, reject) => { setTimeout(() => reject(new Error("slow")), SLOW); });
    return Promise.race([settled(asked), slow]);
  };

  class Journal {
    constructor(person, attempt, database) {
      this.owner = [person, attempt];
      this.database = database;
      this.isFailing = false; // the disk refused an act: from then on the page says that it keeps them alone
      this.waiting = []; // every act that waits, in order; what the page knows without asking the disk
      this.written = Promise.resolve(); // when all that was asked of the disk is done
      if (database) database.onclose = () => { this.database = null; };
    }

    get isLasting() { return this.database !== null && !this.isFailing; }

    // One transaction on the disk; it is over when `work`'s requests are safely there. Where the disk is full, or denied
    // in the middle, nothing of it is, and `instead` is tried: taking away needs no room.
    onDisk(work, instead = null) {
      if (!this.database) return this.written;
      this.written = new Promise((resolve, reject) => {
        const transaction = this.database.transaction("acts", "readwrite", { durability: "strict" });
        transaction.oncomplete = () => resolve();
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
        work(transaction.objectStore("acts"));
      }).catch(() => {
        this.isFailing = true;
        return instead && this.onDisk(instead);
      });
      return this.written;
    }

    static dropToken(acts, token) {
      acts.index("token").getKey(token).onsuccess = (event) => { if (event.target.result !== undefined) acts.delete(event.target.result); };
    }

    async load() {
      if (!this.database) return;
      try {
        const acts = this.database.transaction("acts").objectStore("acts");
        this.waiting = await settled(acts.index("owner").getAll(this.owner));
      } catch { this.database = null; }
    }

    // Another act; `replaced` is the token of one that it makes void, never sent.
    add(act, replaced) {
      this.waiting = this.waiting.filter((one) => one.token !== replaced);
      this.waiting.push(act);
      const drop = (acts) => { if (replaced) Journal.dropToken(acts, replaced); };
      return this.onDisk((acts) => {
        drop(acts);
        acts.add({ ...act, person: this.owner[0], attempt: this.owner[1] });
      }, drop); // what was thought before must not come back with the next page
    }

    // An act that another tab of this browser has put on the disk.
    hear(act) {
      if (!this.waiting.some((one) => one.token === act.token)) this.waiting.push(act);
    }

    // ... and has taken off it.
    forget(token) { this.waiting = this.waiting.filter((one) => one.token !== token); }

    waitsFor(item) { return this.waiting.some((one) => one.item === item); }

    drop(token) {
      this.forget(token);
      return this.onDisk((acts) => Journal.dropToken(acts, token));
    }

    clear() {
      this.waiting = [];
      return this.onDisk((acts) => {
        acts.index("owner").getAllKeys(this.owner).onsuccess = (event) => event.target.result.forEach((key) => acts.delete(key));
      });
    }
  }

  const open = async (person, attempt) => {
    let database = null;
    try { database = await connect(); } catch { /* denied, broken or too slow: the page alone keeps them */ }
    const journal = new Journal(person, attempt, database);
    await journal.load();
    return journal;
  };

  return { open };
})();
