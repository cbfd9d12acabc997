/**
 * The one script that a page may carry: headings of tables marked `sortable` become buttons, for mouse and keyboard.
 * Without it the page reads the same.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * Numbers sort by `data-value`, text as people sort it (`abc-4` before `abc-16`); empty cells stay last; equal rows keep
 * their order.
 */
export const sortScript = `
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const compareText = new Intl.Collator("en", { numeric: true }).compare;
  const sortBy = (column, sign) => {
    const rows = [...body.rows].map((row) => {
      const { dataset, textContent } = row.cells[column];
      return { row, text: textContent, number: Number(dataset.value ?? NaN) };
    });
    const isEmpty = ({ text, number }) => text === "" || text === "n/a";
    const compare = (a, b) =>
      isEmpty(a) || isEmpty(b) ? isEmpty(a) - isEmpty(b)
        : sign * (Number.isNaN(a.number) || Number.isNaN(b.number) ? compareText(a.text, b.text) : a.number - b.number);
    body.append(...rows.sort(compare).map(({ row }) => row));
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortBy(column, ascending ? 1 : -1);
    });
  });
}
`;

/** What a content security policy calls the script, so that it may run and no other. */
export function sortScriptHash(): string {
  return `sha256-${createHash("sha256").update(sortScript).digest("base64")}`;
}
