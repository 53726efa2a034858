// Says when the board could not be refreshed: an old board that looks fresh would be believed.
const stale = document.getElementById("stale");
for (const failed of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(failed, () => { stale.hidden = false; });
}
document.body.addEventListener("htmx:afterSwap", () => { stale.hidden = true; });
