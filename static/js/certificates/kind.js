// The editor of a certificate template: stores a picture and chooses it where it belongs.
(() => {
  "use strict";
  const box = document.querySelector("[data-pictures]");
  if (!box) return;
  const form = box.closest("form");
  const file = document.getElementById("kind-picture-file");
  const said = document.getElementById("kind-picture-said");
  const choose = ({ pk, label, use }) => {
    const select = form.elements[use];
    if (![...select.options].some((option) => option.value === String(pk))) select.add(new Option(label, pk));
    select.value = String(pk);
    select.dispatchEvent(new Event("change", { bubbles: true }));
  };
  for (const button of box.querySelectorAll("[data-use]")) {
    button.addEventListener("click", async () => {
      if (!file.files.length) { said.textContent = box.dataset.first; return; }
      said.textContent = box.dataset.busy;
      const data = new FormData();
      data.append("picture", file.files[0]);
      data.append("use", button.dataset.use);
      data.append("county", form.elements.county?.value || "");
      try {
        const response = await fetch(box.dataset.pictures, {
          method: "POST",
          body: data,
          credentials: "same-origin",
          headers: { Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
        });
        const answer = await response.json();
        if (answer.pk) {
          choose(answer);
          file.value = "";
        }
        said.textContent = answer.error || box.dataset.done;
      } catch {
        said.textContent = box.dataset.failed;
      }
    });
  }
})();
