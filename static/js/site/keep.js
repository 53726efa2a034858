// A form that takes long to write is kept in this tab: whoever was signed out meanwhile finds it as it was.
// [data-keep="person"], the form or something in it, keeps the form by person and address; [data-kept], hidden, says that something was
// brought back. Where the form has been changed on the server since, nothing is. [data-keep-sent="person"] stands on the page to which
// a form leads that was written: what was sent is forgotten there if the page says that it was.
const told = document.querySelector("[data-keep-sent]");
if (told && document.querySelector(".messages li.success"))
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith(`keep-${told.dataset.keepSent}-`) && JSON.parse(sessionStorage.getItem(key)).sent) sessionStorage.removeItem(key);
for (const mark of document.querySelectorAll("[data-keep]")) {
  const form = mark.closest("form");
  const key = `keep-${mark.dataset.keep}-${location.pathname}`;
  const fields = [...form.elements].filter((one) => one.name && !["hidden", "submit", "button", "file"].includes(one.type));
  const ticked = (one) => one.type === "checkbox" || one.type === "radio";
  const name = (one) => ticked(one) ? `${one.name}=${one.value}` : one.name;
  const values = () => Object.fromEntries(fields.map((one) => [name(one), ticked(one) ? one.checked : one.value]));
  const keep = (sent) => {
    try { sessionStorage.setItem(key, JSON.stringify({ first, values: values(), sent })); } catch { /* then it is not kept */ }
  };
  let kept = null, first = JSON.stringify(values());
  try { kept = JSON.parse(sessionStorage.getItem(key)); } catch { /* nothing was kept */ }
  if (kept && form.querySelector("[aria-invalid=true]")) first = kept.first; // it came back with what was typed
  else if (kept && kept.first === first && JSON.stringify(kept.values) !== first) {
    for (const one of fields) {
      const value = kept.values[name(one)];
      if (value === undefined) continue;
      if (ticked(one)) one.checked = value;
      else one.value = value;
    }
    form.querySelector("[data-kept]").hidden = false;
  }
  form.addEventListener("input", () => keep(false));
  form.addEventListener("submit", (event) => keep(!event.submitter?.hasAttribute("formaction"))); // a preview writes nothing
}
