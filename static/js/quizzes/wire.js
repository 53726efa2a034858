// One question to the server: JSON there, JSON back. Never throws: without an answer the status is 0, without JSON the reply null.
window.quizWire = (() => {
  "use strict";
  const PATIENCE = 15000; // a request that takes longer is given up
  const KEPT_ALIVE = 60000; // browsers let so many bytes outlive a page

  const csrf = () => {
    const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/); // renewed when somebody signs in again in another tab
    const field = document.querySelector("[name=csrfmiddlewaretoken]");
    return cookie ? cookie[1] : field ? field.value : "";
  };

  const ask = async (address, message) => {
    const abort = new AbortController();
    const patience = setTimeout(() => abort.abort(), PATIENCE);
    const options = { credentials: "same-origin", redirect: "manual", cache: "no-store", signal: abort.signal };
    if (message !== undefined) {
      const body = JSON.stringify(message);
      const headers = { "Content-Type": "application/json", "X-CSRFToken": csrf() };
      Object.assign(options, { method: "POST", headers, body, keepalive: body.length * 3 < KEPT_ALIVE });
    }
    let status = 0, reply = null;
    try {
      const response = await fetch(address, options);
      status = response.status;
      reply = await response.json();
    } catch { /* no network, too slow, or a page instead of JSON */ }
    clearTimeout(patience);
    return { status, reply };
  };

  return { ask };
})();
