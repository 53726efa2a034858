// Form controls ↔ responses, by the shapes that quizzes/kinds/base.py describes. Knows shapes, not kinds.
// Also what makes the controls handy: buttons for ordering, essays that grow and count.
window.quizFields = (() => {
  "use strict";
  const controls = (box) => [...box.querySelectorAll("input:not([type=hidden]), select, textarea")];
  const parts = (box) => [...box.querySelectorAll("[data-shape][data-part]")];
  const isTyped = (field) => field.tagName === "TEXTAREA" || field.type === "text";

  const read = (box) => {
    const shape = box.dataset.shape;
    if (shape === "parts") return Object.fromEntries(parts(box).map((part) => [part.dataset.part, read(part)]));
    const fields = controls(box);
    if (shape === "one") {
      const field = fields.find((one) => isTyped(one) || one.checked);
      return field && field.value.trim() ? field.value : null;
    }
    if (shape === "many") return fields.filter((one) => one.checked).map((one) => one.value);
    if (shape === "list") return fields.map((one) => one.value);
    return Object.fromEntries(fields.filter((one) => one.value).map((one) => [one.dataset.part, "number" in one.dataset ? Number(one.value) : one.value]));
  };

  const write = (box, response) => {
    const shape = box.dataset.shape;
    if (shape === "parts") {
      for (const part of parts(box)) write(part, (response || {})[part.dataset.part] ?? null);
      return;
    }
    controls(box).forEach((field, index) => {
      if (shape === "one" && !isTyped(field)) field.checked = field.value === response;
      else if (shape === "one") field.value = response ?? "";
      else if (shape === "many") field.checked = (response || []).includes(field.value);
      else if (shape === "list") field.value = (response || [])[index] ?? "";
      else field.value = (response || {})[field.dataset.part] ?? "";
    });
    refresh(box);
  };

  const isComplete = (box) => {
    const shape = box.dataset.shape;
    if (shape === "parts") return parts(box).every(isComplete);
    const fields = controls(box);
    if (shape === "one" || shape === "many") return fields.some((one) => (isTyped(one) ? one.value.trim() : one.checked));
    const values = fields.map((one) => one.value.trim());
    return values.every(Boolean) && (!fields.some((one) => "number" in one.dataset) || new Set(values).size === values.length);
  };

  // What keeps an answer that was begun from being whole: "" where nothing does or nothing was begun.
  const fault = (box) => {
    const fields = controls(box);
    if (isComplete(box) || !fields.some((one) => (isTyped(one) || one.tagName === "SELECT" ? one.value.trim() : one.checked))) return "";
    if (box.dataset.shape === "parts") return parts(box).some((part) => fault(part) === "twice") ? "twice" : "partly";
    const places = fields.filter((one) => "number" in one.dataset && one.value).map((one) => one.value);
    return new Set(places).size < places.length ? "twice" : "partly";
  };

  // ---- ordering: buttons beside the boxes

  const place = (line) => line.querySelector("select");
  const lineText = (line) => line.querySelector("[data-plain]").dataset.plain;
  const isPlaced = (lines) => lines.every((line) => place(line).value) && new Set(lines.map((line) => place(line).value)).size === lines.length;

  const arrange = (list) => {
    const lines = [...list.children];
    if (isPlaced(lines)) lines.sort((a, b) => place(a).value - place(b).value).forEach((line) => list.append(line));
  };

  const move = (list, line, step) => {
    const lines = [...list.children];
    const other = lines[lines.indexOf(line) + step];
    if (other) list.insertBefore(step < 0 ? line : other, step < 0 ? other : line);
    [...list.children].forEach((one, index) => { place(one).value = index + 1; });
    return [...list.children].indexOf(line) + 1;
  };

  const addButtons = (list, words, moved) => {
    for (const line of list.children) {
      for (const [label, sign, step] of [[words.up, "↑", -1], [words.down, "↓", 1]]) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn btn-outline-secondary quiz-move";
        button.textContent = sign;
        button.setAttribute("aria-label", `${label} “${lineText(line)}”`);
        button.addEventListener("click", () => {
          const at = move(list, line, step);
          button.focus();
          moved(lineText(line), at);
        });
        line.append(button);
      }
    }
  };

  // ---- essays

  const measure = (area) => {
    const count = document.getElementById(area.getAttribute("aria-describedby"))?.querySelector("[data-count]");
    if (count) count.textContent = [...area.value].length;
    if (CSS.supports("field-sizing", "content")) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  };

  const refresh = (box) => {
    box.querySelectorAll("[data-order]").forEach(arrange);
    box.querySelectorAll("textarea").forEach(measure);
  };

  // Make a box handy. words: {up, down}; moved(text, place) is told of each move by a button.
  const prepare = (box, words, moved) => {
    for (const list of box.querySelectorAll("[data-order]")) addButtons(list, words, moved);
    box.addEventListener("input", (event) => { if (event.target.tagName === "TEXTAREA") measure(event.target); });
    refresh(box);
  };

  // A form without a page script of its own, as the trainer's preview.
  for (const form of document.querySelectorAll("form[data-handy]")) {
    for (const box of form.querySelectorAll("[data-item]")) prepare(box, { up: form.dataset.textUp, down: form.dataset.textDown }, () => {});
  }

  return { read, write, isComplete, fault, isTyped, prepare };
})();
