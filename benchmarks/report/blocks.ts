/**
 * The blocks of RESULTS.md that are made, not typed: between `<!-- NAME -->` and `<!-- /NAME -->` stands a table of the targets of
 * that name, with what the stored results say about them.
 *
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import type { Measurement, StoredResults } from "./measured.js";
import type { Target } from "./targets.js";

/** Whether a measurement keeps a promise. Jobs that failed break it. */
export function isMet(
  { kind, limit, tolerance = 0, sigmas = 0 }: Target,
  { value, error, failed }: Measurement,
) {
  if ((failed ?? 0) > 0) return false;
  if (kind === "shown") return true;
  const margin = sigmas === 0 ? 0 : sigmas * error; // an unknown error clears nothing
  if (kind === "atMost") return value <= limit - margin;
  if (kind === "atLeast") return value >= limit + margin;
  return Math.abs(value - limit) <= tolerance - margin;
}

/**
 * Rewrites every block of a text that targets belong to. What stands outside stays as it is.
 *
 * @throws {ConfigError} if a block is not closed, or there is none.
 */
export async function rewriteBlocks(
  text: string,
  targets: readonly Target[],
  stored: StoredResults,
): Promise<string> {
  const names = [...new Set(targets.map(({ block }) => block))];
  let result = text;
  let found = 0;
  for (const name of names) {
    const own = targets.filter(({ block }) => block === name);
    const made = await replaceBlock(result, name, () => blockTable(own, stored));
    if (made === undefined) continue;
    result = made;
    found++;
  }
  if (found === 0) {
    throw new ConfigError(
      `RESULTS.md: there is no block; write <!-- NAME --> and <!-- /NAME -->, NAME one of ${names.join(", ")}.`,
    );
  }
  return result;
}

/**
 * Replaces what stands in the block of a name; `undefined` where a text has no such block.
 *
 * @throws {ConfigError} if the block is not closed.
 */
export async function replaceBlock(
  text: string,
  name: string,
  body: () => Promise<string>,
): Promise<string | undefined> {
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const from = text.indexOf(open);
  if (from < 0) return undefined;
  const to = text.indexOf(close, from);
  if (to < 0) throw new ConfigError(`RESULTS.md: the block ${open} is not closed; write ${close} behind it.`);
  return `${text.slice(0, from)}${open}\n${await body()}\n${text.slice(to)}`;
}

/** The table of one block, without an end of line. */
export async function blockTable(targets: readonly Target[], stored: StoredResults): Promise<string> {
  const rows: string[][] = [["what", "measured", "target", "", "published", "date", "command"]];
  rows.push(rows[0].map(() => "---"));
  for (const target of targets) {
    const measured = await stored.measure(target);
    rows.push([
      target.what,
      measured ? measuredText(measured) : "",
      targetText(target),
      measured === undefined ? "not measured" : verdict(target, measured),
      target.published ?? "",
      measured?.date ?? "",
      measured ? `\`${measured.command}\`` : "",
    ]);
  }
  const origins = [...new Set(targets.map(({ origin }) => origin))];
  const table = rows.map((cells) => `| ${cells.map(markdown).join(" | ")} |`);
  return [...table, "", `Targets: ${origins.join("; ")}.`].join("\n");
}

function verdict(target: Target, measured: Measurement): string {
  if (!isMet(target, measured)) return "**not met**";
  return target.kind === "shown" ? "" : "met";
}

function measuredText({ value, error, spread, by, pValue, jobs, failed }: Measurement): string {
  const notes = [
    ...(by === undefined ? [] : [by]),
    ...(pValue === undefined ? [] : [`p = ${formatMeasured(pValue, 2)}`]),
    ...(jobs !== undefined && jobs > 1 ? [`${jobs} jobs`] : []),
    ...(failed !== undefined && failed > 0 ? [`${failed} failed`] : []),
  ];
  if (spread !== undefined) return `${formatMeasured(value, 4)} ± ${formatMeasured(spread, 3)}`;
  return formatUncertain(value, error, 3) + (notes.length > 0 ? ` (${notes.join(", ")})` : "");
}

function targetText({ kind, limit, tolerance, sigmas = 0 }: Target): string {
  if (kind === "shown") return "";
  const number = Number.isInteger(limit) ? formatNumber(limit) : formatMeasured(limit, 3).replace(/0+$/, "");
  const clear = sigmas > 0 ? ` by ${sigmas} standard errors` : "";
  if (kind === "within") return `${number} ± ${tolerance}${clear}`;
  return `${kind === "atMost" ? "≤" : "≥"} ${number}${clear}`;
}

function markdown(text: string): string {
  return text.replace(/\|/g, "\\|").replace(/\s+/g, " ");
}
