/**
 * `npm run bench:samplers`: the samplers on the posteriors of posteriordb, and beside NumPyro.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ConfigError } from "../../src/core/errors.js";
import { svgToPng } from "../../src/report/png.js";
import { readRange } from "../plan-schema.js";
import { referenceFolder } from "../reference-draws.js";
import { type LearnedRow, learnedAndExact } from "./learned.js";
import { besideNumpyro, numpyroPeer, type PeerRow, peerPosteriors } from "./numpyro.js";
import { chosen, readSamplersPlan } from "./plan.js";
import { type PosteriorRow, readPosterior, runPosterior } from "./posteriors.js";

const help = `Usage: npm run bench:samplers -- [PLAN] [options]

Runs the samplers of a plan (default benchmarks/plans/samplers.json) on posteriors of posteriordb and compares their
draws with 10,000 reference draws. Without the reference data (GALTON_REFERENCE, or shared/reference beside the
repository) it says so and runs nothing.

With --numpyro it runs our no-U-turn sampler and NumPyro's on five of them instead, from the same starts. GALTON_PYTHON names
an interpreter that has NumPyro:

  python3 -m venv ../numpyro-venv && ../numpyro-venv/bin/pip install numpyro

With --learned it samples a learned posterior of slcp and its exact twin instead, and needs no reference data.

Options:
  --methods <names>     names of methods, separated by semicolons; default all
  --posteriors <names>  separated by semicolons; default all of the plan
  --numpyro             beside NumPyro; 4 chains of 1000 draws after 1000
  --seeds <list>        of --numpyro, such as 1-3; default 1-8
  --learned             a learned posterior and its exact twin
  --figure <path>       of --learned: writes their marginals as PNG
  --json                one JSON object per line
  --help                this text`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      methods: { type: "string" },
      posteriors: { type: "string" },
      numpyro: { type: "boolean", default: false },
      learned: { type: "boolean", default: false },
      figure: { type: "string" },
      seeds: { type: "string", default: "1-8" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  if (values.learned) {
    const svg = await learnedAndExact((row) =>
      console.log(values.json ? JSON.stringify(row) : learnedLine(row)),
    );
    if (values.figure !== undefined) await writeFile(values.figure, await svgToPng(svg));
    return;
  }
  const folder = join(referenceFolder(), "posteriordb");
  if (!existsSync(join(folder, "index.json"))) {
    console.error(`bench:samplers: skipped, there is no reference data at ${folder}; set GALTON_REFERENCE.`);
    return;
  }
  if (values.numpyro) {
    const seeds = readRange(values.seeds);
    if (seeds === undefined)
      throw new ConfigError(`--seeds must be numbers such as 1-3, got ${values.seeds}.`);
    const isWanted = chosen("--posteriors", values.posteriors, peerPosteriors);
    const peer = await numpyroPeer();
    try {
      for (const name of peerPosteriors) {
        if (!isWanted(name)) continue;
        for (const row of await besideNumpyro(peer, folder, name, seeds)) {
          console.log(values.json ? JSON.stringify(row) : peerLine(row));
        }
      }
    } finally {
      await peer.close();
    }
    return;
  }
  const [path = fileURLToPath(new URL("../plans/samplers.json", import.meta.url))] = positionals;
  const plan = await readSamplersPlan(path);
  const methods = plan.runs.map(({ method }) => method);
  const names = plan.runs.flatMap(({ posteriors }) => posteriors);
  const isMethod = chosen("--methods", values.methods, methods);
  const isWanted = chosen("--posteriors", values.posteriors, names);
  for (const run of plan.runs) {
    if (!isMethod(run.method)) continue;
    for (const name of run.posteriors) {
      if (!isWanted(name)) continue;
      for (const seed of run.seeds) {
        const row = await runPosterior(readPosterior(folder, name), run, seed);
        console.log(values.json ? JSON.stringify(row) : line(row));
      }
    }
  }
}

function line(row: PosteriorRow): string {
  const { posterior, method, z, zSd, worst, rhat, essBulk } = row;
  const { steinGradient, steinPosition, essPerEvaluation, evaluations, divergences, cpuSeconds } = row;
  return (
    `${method.padEnd(24)}${posterior.padEnd(42)}mean ${z.toFixed(2)} (${worst}), sd ${zSd.toFixed(2)}; R-hat ${rhat.toFixed(4)}, ` +
    `bulk ESS ${essBulk.toFixed(0)}, ${essPerEvaluation.toPrecision(3)} per evaluation of ${evaluations}, ` +
    `Stein ${steinGradient.toFixed(2)} ${steinPosition.toFixed(2)}, ${divergences} divergences, ${cpuSeconds.toFixed(1)} CPU s`
  );
}

function peerLine(row: PeerRow): string {
  const { posterior, method, seed, z, rhat, essBulk, evaluations, essPerEvaluation } = row;
  return (
    `${method.padEnd(10)}${posterior.padEnd(42)}seed ${seed}: bulk ESS ${essBulk.toFixed(0)}, ${essPerEvaluation.toPrecision(3)} per gradient of ` +
    `${evaluations}, R-hat ${rhat.toFixed(4)}, z ${z.toFixed(2)}, ${row.cpuSeconds.toFixed(1)} CPU s`
  );
}

function learnedLine(row: LearnedRow): string {
  const { density, method, essBulk, rhat, evaluations, cpuSeconds, modes, jumping, mmdSquared } = row;
  return (
    `${method.padEnd(20)}${density.padEnd(8)}bulk ESS ${essBulk.toFixed(0)}, R-hat ${rhat.toFixed(4)}, ${evaluations} evaluations, ` +
    `${cpuSeconds.toFixed(2)} CPU s, modes ${modes.map((share) => share.toFixed(3)).join(" ")}, ${(100 * jumping).toFixed(0)} % of ` +
    `chains jump, squared MMD ${mmdSquared.toFixed(4)}`
  );
}

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`bench:samplers: ${error.message}`);
  process.exitCode = 1;
});
