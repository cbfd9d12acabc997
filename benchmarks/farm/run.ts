/**
 * `npm run bench:farm`: what simulations larger than memory cost, by the command line, each in a process of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { simulate } from "../../src/simulate.js";
import { cpuClock } from "../cpu-clock.js";
import { simulator as slcp } from "../problems/slcp.js";

const help = `Usage: npm run bench:farm -- [options]

CPU seconds and peak memory of simulating slcp to disk with one worker and with two, which must give the same bytes,
and of training on it for one epoch; and of 100,000 simulations in memory, the median of five. Needs 1 GB of disk.

Options:
  --n <n>    simulations on disk; default 10000000
  --json     one JSON object per line: name, n, cpuSeconds, peakMegabytes, load
  --help     this text`;

/** The fields of one JSON line. */
interface Timing {
  /** `memory`, `disk-1` and `disk-2` by workers, or `train`. */
  readonly name: string;
  readonly n: number;
  /** Of the whole process with all its threads. */
  readonly cpuSeconds: number;
  /** Largest resident memory of the process. */
  readonly peakMegabytes: number;
  /** One-minute load average when it was measured. */
  readonly load: number;
}

const home = fileURLToPath(new URL("../..", import.meta.url));

/** A module that tells what its process took, at its end. */
const usageTeller = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("exit", () => writeSync(3, JSON.stringify(process.resourceUsage())));`)}`;

/** Runs galton with these words. */
async function galton(name: string, n: number, words: readonly string[]): Promise<Timing> {
  const imports = ["--import", import.meta.resolve("tsx"), "--import", usageTeller];
  const child = spawn(process.execPath, [...imports, join(home, "src/cli/main.ts"), ...words, "--quiet"], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const [usage, status] = await Promise.all([text(child.stdio[3] as NodeJS.ReadableStream), ended]);
  if (status !== 0) throw new Error(`galton ${words[0]} ended with ${status}.`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(usage) as NodeJS.ResourceUsage;
  return timing(name, n, (userCPUTime + systemCPUTime) / 1e6, (maxRSS * 1024) / 1e6);
}

function timing(name: string, n: number, cpuSeconds: number, peakMegabytes: number): Timing {
  const rounded = (value: number) => Number(value.toPrecision(3));
  return {
    name,
    n,
    cpuSeconds: rounded(cpuSeconds),
    peakMegabytes: Math.round(peakMegabytes),
    load: rounded(loadavg()[0]),
  };
}

async function inMemory(n: number): Promise<Timing> {
  const seconds: number[] = [];
  for (let seed = 0; seed < 5; seed++) {
    const clock = cpuClock();
    await simulate(slcp, { n, seed });
    seconds.push(clock());
  }
  const [, , median] = seconds.sort((a, b) => a - b);
  return timing("memory", n, median, (process.resourceUsage().maxRSS * 1024) / 1e6);
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      n: { type: "string", default: "10000000" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  const n = Number(values.n);
  if (!(Number.isSafeInteger(n) && n > 0)) {
    throw new RangeError(`--n must be a positive whole number, got ${values.n}.`);
  }
  const print = ({ name, cpuSeconds, peakMegabytes, ...rest }: Timing) =>
    console.log(
      values.json
        ? JSON.stringify({ name, cpuSeconds, peakMegabytes, ...rest })
        : `${name.padEnd(8)} ${cpuSeconds} CPU s, ${peakMegabytes} MB`,
    );
  const scratch = mkdtempSync(join(tmpdir(), "galton-farm-"));
  try {
    print(await inMemory(100_000));
    const module = join(home, "benchmarks/problems/slcp.ts");
    const common = ["simulate", module, "--n", String(n), "--seed", "big"];
    const folder = (workers: number) => join(scratch, String(workers));
    for (const workers of [1, 2]) {
      const words = [...common, "--out", folder(workers), "--workers", String(workers)];
      print(await galton(`disk-${workers}`, n, words));
    }
    const manifests = [1, 2].map((workers) => readFileSync(join(folder(workers), "manifest.json"), "utf8"));
    if (manifests[0] !== manifests[1]) throw new Error("one worker and two gave other bytes.");
    rmSync(folder(2), { recursive: true });
    const network = ["--epochs", "1", "--batch-size", "1000", "--width", "32"];
    print(
      await galton("train", n, ["train", folder(1), ...network, "--out", join(scratch, "e.safetensors")]),
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`farm: ${error.message}`);
  process.exitCode = 1;
});
