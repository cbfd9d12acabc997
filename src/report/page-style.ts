/**
 * The style sheet of the report page: one column of prose, figures that scale, tables that scroll, light and dark,
 * black on white in print.
 *
 * @module
 */
import { backgrounds, fontFamily } from "./figures/palette.js";

/** CSS of the report page. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1c2126; --soft: #59626b; --line: #d5dade; --panel: #f4f6f8;
  --warn: #8a4b00; --warn-panel: #fff5e6; --link: #1f6399; --paper: ${backgrounds.light}; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe3e8; --soft: #9aa4ae; --line: #363d45; --panel: #1e2329;
  --warn: #f0b35e; --warn-panel: #2b2215; --link: #7db8e8; --paper: ${backgrounds.dark}; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 ${fontFamily};
  -webkit-text-size-adjust: 100%; overflow-wrap: break-word; }
main, footer { max-width: 50rem; margin: 0 auto; padding: 0 1rem; }
sub, sup { font-size: .75em; line-height: 0; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 2.5rem 0 .75rem; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.75rem 0 .5rem; }
p { margin: .5rem 0 1rem; max-width: 44rem; }
a { color: var(--link); }
.lead { font-size: 1.15rem; line-height: 1.5; margin-bottom: 1.25rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; padding: 0; margin: 0 0 1.25rem;
  font-size: .9rem; }
.warnings, .passed { border-left: 4px solid var(--warn); background: var(--warn-panel); padding: .7rem 1rem;
  margin: 1.25rem 0; }
.warnings h2 { color: var(--warn); font-size: 1rem; margin: 0 0 .25rem; }
.warnings ul { margin: 0; padding-left: 1.2rem; }
.passed { border-color: var(--line); background: var(--panel); }
figure { margin: 1.5rem 0 2rem; }
figure svg { display: block; color: inherit; max-width: 100%; height: auto; }
figcaption, caption { font-size: .9rem; line-height: 1.5; color: var(--soft); text-align: left; max-width: 42rem; }
figcaption { margin-top: .5rem; }
.halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2rem; }
.halves figure { margin-bottom: 1.25rem; min-width: 0; }
figure .scroll { margin: 0; } .wide svg { min-width: 36rem; }
caption { padding-bottom: .4rem; max-width: min(42rem, 100vw - 2rem); }
details { font-size: .9rem; margin-top: .4rem; color: var(--soft); }
summary { cursor: pointer; padding: .25rem 0; }
pre { background: var(--panel); padding: .6rem .8rem; overflow-x: auto; font-size: .85rem; margin: .4rem 0; }
code { font-family: ui-monospace, monospace; }
.scroll { overflow-x: auto; margin: 1.25rem 0 .25rem; background: linear-gradient(90deg, var(--paper) 50%, transparent) 0 / 2rem 100%,
  linear-gradient(270deg, var(--paper) 50%, transparent) 100% / 2rem 100%, linear-gradient(90deg, var(--line), transparent) 0 / .6rem 100%,
  linear-gradient(270deg, var(--line), transparent) 100% / .6rem 100%; background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { border-bottom: 2px solid var(--line); font-weight: 600; }
.number { text-align: right; padding-left: .5rem; }
@media (min-width: 50rem) { .scroll:has(> .sortable) { width: max-content; min-width: 100%;
  max-width: calc(50vw + 24rem - 1rem); } }
.sortable { font-size: .85rem; } .sortable th, .sortable td { padding: .25rem .55rem .25rem 0; }
.sortable th { white-space: normal; vertical-align: bottom; }
.long { white-space: normal; min-width: 18rem; }
wbr { display: none; }
@media (max-width: 40rem) { .sortable { font-size: .72rem; } .sortable td { white-space: normal; } .sortable td.number { white-space: nowrap; }
  .sortable th, .sortable td { padding-right: .25rem; } .sortable .number { padding-left: .15rem; } wbr { display: inline; }
  th:not([aria-sort]) button::after { display: none; } }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
th button::after { content: "↕"; content: "↕" / ""; color: var(--soft); opacity: .55; padding-left: .3em; font-size: .85em; }
th[aria-sort] button::after { color: var(--link); opacity: 1; }
th[aria-sort=ascending] button::after { content: "↑"; content: "↑" / ""; }
th[aria-sort=descending] button::after { content: "↓"; content: "↓" / ""; }
.download { font-size: .9rem; color: var(--soft); }
footer { margin-top: 3.5rem; padding-top: 1rem; padding-bottom: 3rem; border-top: 1px solid var(--line);
  font-size: .85rem; color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { font-weight: 600; } dd { margin: 0; min-width: 0; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #333; --line: #bbb; --panel: #f4f4f4; --paper: #fff; --warn: #000;
    --warn-panel: #fff; --link: #000; }
  body { font-size: 10.5pt; } main, footer { max-width: none; padding: 0; }
  h2 { break-after: avoid; } figure, table, .warnings { break-inside: avoid; }
  nav, details, .download, th button::after { display: none; } .scroll { overflow: visible; background: none; } .wide svg { min-width: 0; }
  .sortable { font-size: 6.5pt; break-inside: auto; } .sortable th, .sortable td { padding: .15rem .3rem .15rem 0; }
  tr { break-inside: avoid; } .long { min-width: 0; }
}
`;
