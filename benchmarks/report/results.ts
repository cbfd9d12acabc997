/**
 * `npx tsx benchmarks/report/results.ts`: writes the measured blocks of benchmarks/RESULTS.md from stored results; `--check` fails where
 * the file says something else; `--store` runs a timing command and stores what it prints.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeReport } from "../../src/report/write.js";
import { storedPeersTable } from "../peers/table.js";
import { replaceBlock, rewriteBlocks } from "./blocks.js";
import { storedResults, type TimingHeader } from "./measured.js";
import { samplerBlocks } from "./samplers.js";
import { targets } from "./targets.js";
import { storedTasksTable } from "./tasks.js";

const help = `Usage: npx tsx benchmarks/report/results.ts [options] [-- COMMAND]

Rewrites the blocks <!-- NAME --> ... <!-- /NAME --> of RESULTS.md from stored results and targets.ts.

Options:
  --file <path>     default benchmarks/RESULTS.md
  --results <path>  folder of stored results; default benchmarks/results: PLAN/results.jsonl, and NAME.jsonl of timings
  --check           write nothing; exit 1 if the file is not what would be written
  --store <name>    run COMMAND and store its JSON lines as NAME.jsonl, with command, date and processor
  --help            this text

Examples:
  npx tsx benchmarks/report/results.ts --store farm -- npm run --silent bench:farm -- --json
  npx tsx benchmarks/report/results.ts --store z-mass -- npm start --silent -- --json
  npx tsx benchmarks/report/results.ts --store metrics -- npm run --silent bench:metrics -- --json --only mmd,c2st
  npx tsx benchmarks/report/results.ts --check`;

async function main(args: readonly string[]): Promise<number> {
  const home = fileURLToPath(new URL("..", import.meta.url));
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      file: { type: "string", default: join(home, "RESULTS.md") },
      results: { type: "string", default: join(home, "results") },
      check: { type: "boolean", default: false },
      store: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (values.store !== undefined) return store(values.results, values.store, positionals);
  const text = await readFile(values.file, "utf8");
  const promises = await rewriteBlocks(text, targets, storedResults(values.results));
  const tasks =
    (await replaceBlock(promises, "sbi-tasks", () => storedTasksTable(values.results))) ?? promises;
  let made = (await replaceBlock(tasks, "peers", () => storedPeersTable(values.results))) ?? tasks;
  for (const [name, table] of Object.entries(samplerBlocks)) {
    made = (await replaceBlock(made, name, () => table(values.results))) ?? made;
  }
  if (made === text) return 0;
  if (values.check) {
    console.error(`${values.file} is not what its results say. Run npx tsx benchmarks/report/results.ts.`);
    return 1;
  }
  await writeReport(values.file, made);
  console.log(values.file);
  return 0;
}

/** Runs a command and keeps the lines that it prints. */
async function store(folder: string, name: string, [program, ...rest]: readonly string[]): Promise<number> {
  if (program === undefined || !/^[\w-]+$/.test(name)) {
    throw new RangeError("--store expects a name of letters and digits, and behind -- the command to run.");
  }
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  const lines = printed.split("\n").filter((line) => line !== "");
  for (const line of lines) JSON.parse(line);
  if (status !== 0 || lines.length === 0) {
    throw new Error(`${program} ended with ${status} and ${lines.length} lines; nothing is stored.`);
  }
  const header: TimingHeader = {
    command: [program, ...rest].join(" "),
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? process.arch,
  };
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.jsonl`);
  console.log(await writeReport(path, [JSON.stringify(header), ...lines, ""].join("\n")));
  return 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`results: ${error.message}`);
  return 1;
});
