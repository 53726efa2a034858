// The sum of the points while they are typed; without this script the page that comes back says it.
document.querySelectorAll("form[data-sum]").forEach((form) => {
  const total = form.querySelector("[data-total]");
  const add = () => {
    const points = [...form.querySelectorAll("[data-points]")].map((field) => Number.parseFloat(field.value) || 0);
    total.textContent = String(Math.round(points.reduce((sum, one) => sum + one, 0) * 100) / 100);
  };
  form.addEventListener("input", add);
  add();
});
