// Tables sort by a click on a heading: by number where every cell has one, else by text; once more, the other way.
"use strict";

const keyOf = (cell) => cell.dataset.value ?? cell.textContent.trim();
const numberOf = (text) => (text === "" ? NaN : Number(text.replace(/[\s%]/g, "").replace("\u2212", "-")));

function sortBy(heading) {
  const table = heading.closest("table");
  const column = heading.cellIndex;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [keyOf(row.cells[column]), row]);
  const numeric = rows.every(([key]) => key === "" || !Number.isNaN(numberOf(key)));
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");  // what is not there comes last
    return sign * (numeric ? numberOf(a) - numberOf(b) : a.localeCompare(b, "en", { numeric: true }));
  });
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
}

for (const heading of document.querySelectorAll("table.sortable thead th")) {
  heading.addEventListener("click", () => sortBy(heading));
}

// A link into something folded unfolds it.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  if (target) target.scrollIntoView();
}
window.addEventListener("hashchange", unfold);
if (location.hash) unfold();
