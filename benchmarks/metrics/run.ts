/**
 * `npm run bench:metrics`: CPU seconds of the measures of a benchmark at full size, 10,000 draws against 10,000 in
 * five dimensions, and of the calibration checks, on data made from seeds.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { credibilitiesFromRatios, expectedCoverage } from "../../src/calibration/expected-coverage.js";
import { sbcRanks, sbcTest } from "../../src/calibration/sbc.js";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { openEngine } from "../../src/engine/open.js";
import { c2st } from "../../src/metrics/c2st.js";
import { classifierAuc } from "../../src/metrics/classifier-auc.js";
import { mmd } from "../../src/metrics/mmd.js";
import { slicedWasserstein } from "../../src/metrics/sliced-wasserstein.js";
import { cpuClock } from "../cpu-clock.js";

const help = `Usage: npm run bench:metrics -- [options]

CPU seconds of the measures, and their values, which are equal on every run: the two samples are normals of
five dimensions, one shifted by 0.1 in each.

Options:
  --draws <n>       draws per sample; default 10000
  --only <names>    comma-separated: mmd, mmdReference, slicedWasserstein, auc, c2stQuick, c2st,
                    coverage128, coverage512, sbc128, sbc512 (pairs; the statistics alone, no network)
  --repeats <n>     the fastest counts; default 1
  --json            one JSON object per line: name, value, standardError, cpuSeconds, load
  --help            this text`;

/** The fields of one JSON line. */
interface Timing {
  readonly name: string;
  readonly value: number;
  readonly standardError?: number;
  /** Of this process, fastest repeat; processors that are shared make it larger. */
  readonly cpuSeconds: number;
  /** One-minute load average when it was measured. */
  readonly load: number;
}

type Measure = () => Promise<Omit<Timing, "name" | "cpuSeconds" | "load">>;

const normals = (rows: number, cols: number, seed: string, shift = 0): Matrix =>
  matrix(rows, cols, stream(key(seed)).normals(rows * cols, shift));

async function measures(draws: number): Promise<Readonly<Record<string, Measure>>> {
  const engine = await openEngine();
  const reference = normals(draws, 5, "reference");
  const other = normals(draws, 5, "other", 0.1);
  const measureMmd = (bandwidth: "pooled" | "reference") => async () => {
    const { squared, squaredStandardError } = mmd(reference, other, { bandwidth });
    return { value: squared, standardError: squaredStandardError };
  };
  const measureC2st = (quick: boolean) => async () => {
    const { accuracy, standardError } = await c2st(reference, other, { engine, quick });
    return { value: accuracy, standardError };
  };
  const measureCoverage = (pairs: number) => async () => {
    const ratios = normals(pairs, 4096, "ratios");
    const { credibilities } = credibilitiesFromRatios(ratios, normals(1, pairs, "truth").data);
    return { value: expectedCoverage(credibilities).bias };
  };
  const measureSbc = (pairs: number) => async () => {
    const ranks = sbcRanks(normals(pairs, 5, "truth"), normals(pairs * 1000, 5, "draws"));
    return { value: sbcTest(ranks).pValue };
  };
  return {
    mmd: measureMmd("pooled"),
    mmdReference: measureMmd("reference"),
    slicedWasserstein: async () => {
      const { distance, standardError } = slicedWasserstein(reference, other);
      return { value: distance, standardError };
    },
    auc: async () => {
      const { auc, standardError } = await classifierAuc(reference, other, { engine });
      return { value: auc, standardError };
    },
    c2stQuick: measureC2st(true),
    c2st: measureC2st(false),
    coverage128: measureCoverage(128),
    coverage512: measureCoverage(512),
    sbc128: measureSbc(128),
    sbc512: measureSbc(512),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      draws: { type: "string", default: "10000" },
      only: { type: "string" },
      repeats: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const wholeNumber = (flag: "draws" | "repeats", least: number) => {
    const value = Number(values[flag]);
    if (Number.isInteger(value) && value >= least) return value;
    throw new RangeError(`--${flag} must be a whole number >= ${least}, got ${values[flag]}.`);
  };
  const repeats = wholeNumber("repeats", 1);
  const all = await measures(wholeNumber("draws", 50));
  const names = values.only?.split(",") ?? Object.keys(all);
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) {
    throw new RangeError(`--only names "${unknown}"; expected ${Object.keys(all).join(", ")}.`);
  }
  if (!values.json) console.log(`${"measure".padEnd(20)}${"CPU s".padStart(8)}${"value".padStart(12)}   +-`);
  for (const name of names) {
    let cpuSeconds = Infinity;
    let result: Awaited<ReturnType<Measure>> | undefined;
    for (let r = 0; r < repeats; r++) {
      const clock = cpuClock();
      result = await all[name]();
      cpuSeconds = Math.min(cpuSeconds, clock());
    }
    const timing: Timing = { name, ...result!, cpuSeconds, load: loadavg()[0] };
    if (values.json) console.log(JSON.stringify(timing));
    else {
      const error = timing.standardError?.toPrecision(2) ?? "";
      console.log(
        `${name.padEnd(20)}${cpuSeconds.toFixed(2).padStart(8)}${timing.value.toPrecision(5).padStart(12)}   ${error}`,
      );
    }
  }
  if (!values.json) console.log(`load average ${loadavg()[0].toFixed(1)}`);
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
