// A form that takes long to write is kept in this tab: whoever was signed out meanwhile finds it as it was.
// <form data-keep="person"> is kept by person and address; [data-kept], hidden, says that something was brought back.
for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = `keep-${form.dataset.keep}-${location.pathname}`;
  const fields = [...form.elements].filter((one) => one.name && one.type !== "hidden" && one.type !== "submit");
  const values = () => Object.fromEntries(fields.map((one) => [one.name, one.value]));
  const first = JSON.stringify(values());
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem(key)); } catch { /* nothing was kept */ }
  if (kept && !form.querySelector("[aria-invalid=true]") && JSON.stringify(kept) !== first) {
    for (const one of fields) one.value = kept[one.name] ?? one.value;
    form.querySelector("[data-kept]").hidden = false;
  }
  form.addEventListener("input", () => {
    try { sessionStorage.setItem(key, JSON.stringify(values())); } catch { /* then it is not kept */ }
  });
}
