// Fields of Wagtail's forms that have no label of their own take the name that stands above them, so that a screen
// reader says it: rich texts, the items of lists, blocks of one choice, tags, and where files are dropped in.
(() => {
  const FIELDS = ".public-DraftEditor-content, .w-panel input[type=text], .w-panel select, .ui-autocomplete-input, #fileupload";
  const UNNAMED = `:is(${FIELDS}):not([aria-label], [aria-labelledby])`;
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
      const name = field.type === "file" ? field.parentElement.textContent.trim() : nameAbove(field);
      if (name) field.setAttribute("aria-label", name);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameThem();
    new MutationObserver(nameThem).observe(document.body, { childList: true, subtree: true });
  });
})();
