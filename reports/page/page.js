"use strict";
/* Click a header: sort by it; click again: the other way. Cells without a value stay last. */
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => header.firstElementChild.addEventListener("click", () => {
    const down = header.ariaSort ? header.ariaSort === "ascending" : header.classList.contains("number");
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const [p, q] = [Number(x), Number(y)];
      const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
      return down ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  }));
}
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch (e) { /* a file: page may have no storage */ }
});
/* A printed page shows everything. */
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => {
  if (details.id !== "trials" && !details.classList.contains("all")) { details.dataset.was = details.open; details.open = true; }
}));
addEventListener("afterprint", () => document.querySelectorAll("details[data-was]").forEach((details) => {
  details.open = details.dataset.was === "true";
  delete details.dataset.was;
}));
/* A running study's page is renewed every minute; an old one belongs to a run that was stopped. */
if ("running" in document.body.dataset) {
  const minutes = Math.floor((Date.now() / 1000 - Number(document.body.dataset.made)) / 60);
  if (minutes >= 10) document.getElementById("age").textContent = ` (not renewed for ${minutes} minutes: the run may have been stopped)`;
}
/* A link into a closed part opens it. */
const openTarget = () => {
  let place = location.hash && document.getElementById(location.hash.slice(1));
  for (; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();
