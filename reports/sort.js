// A click on a column's head sorts its table: numbers by their first one, empty cells last, the other way round on a second click.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.ariaSort === "ascending";
      for (const one of heads) one.removeAttribute("aria-sort");
      head.ariaSort = down ? "descending" : "ascending";
      const text = (row) => row.cells[at].innerText.trim().replaceAll("−", "-").replace(/^[≈+]\s*/, "").replace(/(\d),(?=\d{3})/g, "$1");
      const order = (a, b) => {
        if (!a || !b) return !a - !b;
        const [x, y] = [parseFloat(a), parseFloat(b)];
        const found = isNaN(x) || isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
        return down ? -found : found;
      };
      body.append(...[...body.rows].sort((a, b) => order(text(a), text(b))));
    });
  });
}
