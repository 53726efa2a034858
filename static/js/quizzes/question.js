// The trainer's form: stores an image and puts its marker into the text where the cursor was last.
(() => {
  "use strict";
  const box = document.querySelector("[data-images]");
  if (!box) return;
  const form = box.closest("form");
  const [file, alt, button, said] = ["image-file", "image-alt", "image-add", "image-said"].map((id) => document.getElementById(id));
  let target = null; // the text where the cursor was last; before that, the end of the stem
  form.addEventListener("focusin", (event) => { if (event.target.tagName === "TEXTAREA") target = event.target; });
  const insert = (marker) => {
    if (!target) {
      target = form.elements.stem;
      target.setSelectionRange(target.value.length, target.value.length);
    }
    target.setRangeText(marker, target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  };
  button.addEventListener("click", async () => {
    if (!file.files.length) { said.textContent = box.dataset.first; return; }
    said.textContent = box.dataset.busy;
    const data = new FormData();
    data.append("image", file.files[0]);
    data.append("alt", alt.value);
    data.append("county", form.elements.county?.value || "");
    try {
      const response = await fetch(box.dataset.images, {
        method: "POST", body: data, credentials: "same-origin", headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      });
      const answer = await response.json();
      if (answer.marker) {
        insert(answer.marker);
        file.value = alt.value = "";
      }
      said.textContent = answer.error || box.dataset.done;
    } catch {
      said.textContent = box.dataset.failed;
    }
  });
})();
