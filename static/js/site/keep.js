// A form that takes long to write is kept in this tab: whoever was signed out meanwhile finds it as it was.
// On pages of the site the script bears data-person and the words data-back: there every form with a text area that is posted is kept,
// and any that bears data-keep; data-keep="no" keeps none. In the Wagtail admin [data-keep="person"] in a form keeps it, and [data-kept],
// hidden, says that something was brought back. Kept by person and address, never files, passwords or hidden fields. Where the form has
// been changed on the server since, nothing is brought back.
// What was sent is forgotten where the site leads on, or says that it was done; [data-keep-sent="person"] does it in the admin.
// The page for signing in (data-person="") says that what was sent did not arrive.
{
  const { person, back } = document.currentScript.dataset;
  const read = (key) => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };
  const write = (key, one) => { try { sessionStorage.setItem(key, JSON.stringify(one)); } catch { /* then it is not kept */ } };
  const keys = (whose) => { try { return Object.keys(sessionStorage).filter((key) => key.startsWith(`keep-${whose}`)); } catch { return []; } };
  const from = document.referrer && new URL(document.referrer).pathname;
  const told = document.querySelector("[data-keep-sent]");
  const isDone = document.querySelector(".messages .success, .messages .alert-success");
  if (told && isDone)
    for (const key of keys(`${told.dataset.keepSent}-`)) if (read(key)?.sent) sessionStorage.removeItem(key);
  if (person === "") for (const key of keys("")) write(key, { ...read(key), sent: false });
  if (person)
    for (const key of keys(`${person}-`)) {
      const one = read(key);
      const paths = one?.paths ?? [];
      if (one?.sent && (isDone || paths.includes(from) && !paths.includes(location.pathname))) sessionStorage.removeItem(key);
    }

  const keepForm = (form, key, tell) => {
    const fields = [...form.elements].filter((one) => one.name && !["hidden", "submit", "button", "file", "password"].includes(one.type));
    const ticked = (one) => one.type === "checkbox" || one.type === "radio";
    const name = (one) => ticked(one) ? `${one.name}=${one.value}` : one.name;
    const values = () => Object.fromEntries(fields.map((one) => [name(one), ticked(one) ? one.checked : one.value]));
    // Several forms of a page differ by their hidden fields alone; these two are new on each visit.
    const stands = person ? [...form.elements].filter((one) => one.type === "hidden" && !["csrfmiddlewaretoken", "form_key"].includes(one.name)) : [];
    const target = new URL(form.getAttribute("action") || "", location.href);
    const asked = Object.fromEntries(stands.map((one) => [`${one.name}:`, one.value]));
    if (person) asked[":"] = target.pathname + target.search; // what is written about one matter comes back in the form of no other
    const paths = [location.pathname, target.pathname];
    const kept = read(key);
    let first = JSON.stringify({ ...values(), ...asked });
    const isWrong = form.querySelector("[aria-invalid=true]") || person && kept?.sent && document.querySelector(".error-summary");
    if (kept && isWrong) { // it came back with what was typed
      first = kept.first;
      write(key, { ...kept, sent: false });
    }
    else if (kept && kept.first === first && JSON.stringify({ ...kept.values, ...asked }) !== first) {
      for (const one of fields) {
        const value = kept.values[name(one)];
        if (value === undefined) continue;
        if (ticked(one)) one.checked = value;
        else one.value = value;
      }
      write(key, { ...kept, sent: false });
      tell();
    }
    const keep = (sent) => write(key, { first, values: values(), sent, paths });
    form.addEventListener("input", () => keep(false));
    form.addEventListener("submit", (event) => keep(!event.submitter?.hasAttribute("formaction"))); // a preview writes nothing
  };

  if (person) {
    const long = (form) => form.dataset.keep !== "no" && ("keep" in form.dataset || form.querySelector("textarea:not([hidden])"));
    [...document.querySelectorAll("form[method=post]")].filter(long).forEach((form, index) =>
      keepForm(form, `keep-${person}-${location.pathname}${index ? `#${index}` : ""}`, () => {
        const said = document.createElement("p");
        said.className = "callout";
        said.dataset.kept = "";
        said.setAttribute("role", "status");
        said.textContent = back;
        form.prepend(said);
      }));
  } else
    for (const mark of document.querySelectorAll("[data-keep]")) {
      const form = mark.closest("form");
      if (form && person === undefined)
        keepForm(form, `keep-${mark.dataset.keep}-${location.pathname}`, () => { form.querySelector("[data-kept]").hidden = false; });
    }
}
