/**
 * One HTML page that needs nothing but itself: prose, figures, tables, warnings and how it all was made. No fonts, no
 * pictures from elsewhere, and no script but the one that sorts tables, where there are such; a content security policy
 * in the page forbids all others.
 *
 * @module
 */
import type { Table } from "./csv.js";
import { escapeHtml, richHtml } from "./html.js";
import { pageStyle } from "./page-style.js";
import { sortScript, sortScriptHash } from "./sort-script.js";
import { csvLink, type ReportTable, tableHtml } from "./table.js";

export type { Measured, ReportTable } from "./table.js";

/** A figure of the page. */
export interface ReportFigure {
  /** SVG text as the figure functions give it. */
  readonly svg: string;
  /** What is to be seen and how to read it. */
  readonly caption: string;
  /** The numbers in the figure, offered as a CSV download. */
  readonly data?: { readonly file: string; readonly table: Table };
  /** The command that makes the figure. */
  readonly command?: string;
  /** `"half"` stands beside another such where the window is wide enough. Default `"full"`. */
  readonly width?: "full" | "half";
}

/** A part of the page: heading, then prose, figures, tables and downloads in this order. */
export interface ReportSection {
  readonly heading: string;
  /** Plain text, one string a paragraph. */
  readonly paragraphs?: readonly string[];
  readonly figures?: readonly ReportFigure[];
  readonly tables?: readonly ReportTable[];
  /** Tables that are too long to show. */
  readonly downloads?: readonly { readonly text: string; readonly file: string; readonly table: Table }[];
}

/** How the page was made. */
export interface Provenance {
  /** Name and version of each program, e.g. `{ galton: "0.1.0", node: "22.1.0" }`. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly seed?: string;
  /** Engine and kind of processor, on which trained weights depend. */
  readonly engine?: string;
  readonly command?: string;
  /** Written only if given, so that equal runs give equal pages. */
  readonly date?: string;
  /** Anything else worth keeping, e.g. the hash of the simulations. */
  readonly more?: Readonly<Record<string, string>>;
}

/** What `reportPage` lays out. */
export interface ReportContent {
  readonly title: string;
  /** The result in one sentence. */
  readonly lead: string;
  readonly sections: readonly ReportSection[];
  /** Statistical trouble, one sentence each. An empty list says that the checks passed; left out, nothing is said. */
  readonly warnings?: readonly string[];
  readonly provenance?: Provenance;
  /** Language of the text, BCP 47. Default `"en"`. */
  readonly language?: string;
}

/**
 * Lays out one self-contained HTML page. Every string is escaped; the same content gives the same bytes.
 *
 * @returns the page, beginning with `<!DOCTYPE html>`.
 * @throws {TypeError} if the title or a heading is empty, or a figure is not SVG text or carries a script.
 * @throws {ShapeError} if a table's rows do not fit its columns.
 * @example
 * const page = reportPage({ title: "The Z mass", lead: "M_Z = 89 GeV.", sections: [{ heading: "Posterior", figures }] });
 * await writeReport("report.html", page);
 */
export function reportPage(content: ReportContent): string {
  const { title, lead, sections, warnings, provenance = {}, language = "en" } = content;
  if (title.trim() === "") throw new TypeError("reportPage: title must not be empty.");
  const sorts = sections.some(({ tables = [] }) => tables.some(({ sortable }) => sortable));
  return `<!DOCTYPE html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${sorts ? `; script-src '${sortScriptHash()}'` : ""}">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<header>
<h1>${richHtml(title)}</h1>
<p class="lead">${richHtml(lead)}</p>
</header>
${contents(sections)}${warningsBox(warnings)}${sections.map(sectionHtml).join("")}</main>
${footer(provenance)}${sorts ? `<script>${sortScript}</script>\n` : ""}</body>
</html>
`;
}

function contents(sections: readonly ReportSection[]): string {
  if (sections.length < 3) return "";
  const links = sections.map(
    ({ heading }, i) => `<li><a href="#section-${i + 1}">${richHtml(heading)}</a></li>`,
  );
  return `<nav aria-label="Sections"><ul>${links.join("")}</ul></nav>\n`;
}

function warningsBox(warnings: readonly string[] | undefined): string {
  if (warnings === undefined) return "";
  if (warnings.length === 0) return `<p class="passed">No check found statistical trouble.</p>\n`;
  const items = warnings.map((warning) => `<li>${richHtml(warning)}</li>`).join("");
  const heading = warnings.length === 1 ? "One warning" : `${warnings.length} warnings`;
  return `<aside class="warnings"><h2>${heading}</h2><ul>${items}</ul></aside>\n`;
}

function sectionHtml(
  { heading, paragraphs = [], figures = [], tables = [], downloads = [] }: ReportSection,
  i: number,
): string {
  if (heading.trim() === "")
    throw new TypeError(`reportPage: heading of section ${i + 1} must not be empty.`);
  const prose = paragraphs.map((text) => `<p>${richHtml(text)}</p>\n`);
  const links = downloads.map(
    ({ text, file, table }) => `<p class="download">${csvLink(text, file, table)}</p>\n`,
  );
  return `<section id="section-${i + 1}">
<h2>${richHtml(heading)}</h2>
${[...prose, figuresHtml(figures), ...tables.map(tableHtml), ...links].join("")}</section>
`;
}

/** Figures of half width that follow each other share lines. */
function figuresHtml(figures: readonly ReportFigure[]): string {
  const isHalf = (i: number) => figures[i]?.width === "half";
  return figures
    .map((figure, i) => {
      const html = figureHtml(figure);
      if (!isHalf(i)) return html;
      return `${isHalf(i - 1) ? "" : '<div class="halves">'}${html}${isHalf(i + 1) ? "" : "</div>\n"}`;
    })
    .join("");
}

function figureHtml({ svg, caption, data, command }: ReportFigure): string {
  if (!svg.startsWith("<svg")) {
    throw new TypeError(`reportPage: expected SVG text that begins with "<svg", got "${svg.slice(0, 20)}".`);
  }
  if (/<\s*(script|foreignObject|iframe)\b|\son\w+\s*=|javascript:/i.test(tagsOf(svg))) {
    throw new TypeError("reportPage: a figure must not carry scripts; pass the SVG of a figure function.");
  }
  const download = data === undefined ? "" : `<p>${csvLink("Data as CSV", data.file, data.table)}</p>`;
  const made = command === undefined ? "" : `<pre><code>${escapeHtml(command)}</code></pre>`;
  const summary = [data === undefined ? [] : "data", command === undefined ? [] : "command"]
    .flat()
    .join(" and ");
  const details =
    summary === "" ? "" : `<details><summary>Show ${summary}</summary>${download}${made}</details>`;
  const natural = Number(/^<svg[^>]* width="(\d+)"/.exec(svg)?.[1] ?? 0);
  const picture =
    natural <= wideFigure
      ? svg
      : `<div class="scroll wide" tabindex="0" role="region" aria-label="Figure, scrolls">${svg}</div>`;
  return `<figure>${picture}<figcaption>${richHtml(caption)}</figcaption>${details}</figure>\n`;
}

/** Natural width above which a figure scrolls on a phone instead of shrinking until nobody can read it, px. */
const wideFigure = 600;

/** The tags alone: a label may well say "one = two". */
function tagsOf(svg: string): string {
  return (svg.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/(aria-label)="[^"]*"/g, "$1")).join("");
}

function footer({ versions = {}, seed, engine, command, date, more = {} }: Provenance): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const entries: [string, string | undefined][] = [
    ["Versions", programs.length === 0 ? undefined : programs.join(", ")],
    ["Engine", engine],
    ["Seed", seed],
    ["Command", command],
    ["Date", date],
    ...Object.entries(more),
  ];
  const known = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (known.length === 0) return "";
  const list = known.map(([name, value]) => {
    const text = escapeHtml(value);
    return `<dt>${escapeHtml(name)}</dt><dd>${name === "Command" ? `<code>${text}</code>` : text}</dd>`;
  });
  return `<footer><dl>${list.join("")}</dl></footer>\n`;
}
