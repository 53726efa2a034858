// Fields inside Wagtail's blocks that have no label of their own take the name that stands above them, so that a
// screen reader says it: rich texts, and the items of lists.
(() => {
  const UNNAMED = ".public-DraftEditor-content:not([aria-label]), .w-panel input[type=text]:not([aria-label], [aria-labelledby])";
  const HEADINGS = ".w-field__label, [data-panel-heading-text], .w-panel__heading label";

  function nameAbove(field) {
    for (let box = field.parentElement; box && box.tagName !== "FORM"; box = box.parentElement) {
      for (const heading of box.querySelectorAll(HEADINGS)) {
        const text = heading.firstChild ? heading.textContent.replace("*", "").trim() : "";
        if (text && heading.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING) return text;
      }
    }
    return "";
  }

  function nameThem() {
    for (const field of document.querySelectorAll(UNNAMED)) {
      if (field.labels && field.labels.length) continue;
      const name = nameAbove(field);
      if (name) field.setAttribute("aria-label", name);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameThem();
    new MutationObserver(nameThem).observe(document.body, { childList: true, subtree: true });
  });
})();
