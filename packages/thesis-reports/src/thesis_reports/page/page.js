"use strict";
// Sorting: numbers by value, text by locale, missing values always last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, index) => {
    heading.querySelector("button").addEventListener("click", () => {
      const numeric = heading.classList.contains("numeric");
      const now = heading.getAttribute("aria-sort");
      const first = numeric ? "descending" : "ascending";
      const second = numeric ? "ascending" : "descending";
      const next = now === first ? second : first;
      const sign = next === "ascending" ? 1 : -1;
      const key = (row) => row.cells[index].dataset.sort;
      const compare = (a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * (numeric ? (+x > +y) - (+x < +y) : x.localeCompare(y, "en", { numeric: true }));
      };
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", next);
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(compare));
    });
  });
}
// Filtering: a row stays if it holds every word, wherever in the row.
for (const filter of document.querySelectorAll(".filter")) {
  const rows = [...filter.nextElementSibling.querySelectorAll("tbody tr")];
  const output = filter.querySelector("output");
  filter.hidden = false;
  filter.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    output.textContent = shown < rows.length ? `${shown} of ${rows.length}` : "";
  });
}
// Copying: where the clipboard is closed to local files, the command is selected instead.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const select = () => getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      select();
      button.textContent = "Selected";
    }
  });
}
