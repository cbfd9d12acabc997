/**
 * `npm run figures`: draws the main figures of the stored results as PNG into docs/figures, where the README shows them.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchmarkReport } from "./report.js";

const help = `Usage: npm run figures -- [options]

Draws the main figures of the stored results as PLAN-FIGURE.png. What is not stored is passed over, and said.
Corner plots and marginals need the folders draws and marginals of a run beside its results.jsonl.

Options:
  --results <path>  folder of stored results; default benchmarks/results
  --out <path>      folder of the pictures; default docs/figures
  --help            this text`;

/** Figures by the plan whose results they show, as the page names them. */
const main: Readonly<Record<string, readonly string[]>> = {
  gold: ["galton_board-accuracy"],
  scandal: ["lotka_volterra_zoom-accuracy", "lotka_volterra_zoom-log-prob"],
  sbi: ["budgets", "budgets-sequential"],
  sbibm: ["accuracy", "slcp-accuracy"],
  table2: ["slcp_aalr-marginals", "slcp_aalr-figure3-aalr"],
};

async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      results: { type: "string", default: fileURLToPath(new URL("../results", import.meta.url)) },
      out: { type: "string", default: fileURLToPath(new URL("../../docs/figures", import.meta.url)) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  await mkdir(values.out, { recursive: true });
  for (const [plan, names] of Object.entries(main)) {
    const folder = join(values.results, plan);
    const stored = existsSync(join(folder, "results.jsonl"));
    const { pictures } = stored ? await benchmarkReport(folder, { png: names }) : { pictures: [] };
    for (const { file, png } of pictures) {
      const path = join(values.out, `${plan}-${file}`);
      await writeFile(path, png);
      console.log(path);
    }
    const missing = names.filter((name) => !pictures.some(({ file }) => file === `${name}.png`));
    if (missing.length > 0) console.error(`figures: ${folder} does not give ${missing.join(", ")}.`);
  }
}

await run(process.argv.slice(2)).catch((error: Error) => {
  console.error(`figures: ${error.message}`);
  process.exitCode = 1;
});
