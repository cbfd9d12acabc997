/**
 * `galton sample`: draws from the posterior of a trained estimator at an observation.
 *
 * @module
 */
import type { Checkpoint } from "../../../samplers/checkpoint.js";
import type { Draws } from "../../../samplers/draws.js";
import type { Evidence } from "../../../samplers/evidence.js";
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { dataHelp } from "../data-argument.js";
import { engineOption } from "../engine-option.js";
import type { EstimatorSamplerInput } from "../estimator-sampler.js";
import { flagOf, integer, repeated, required, seed, text, toggle } from "../options.js";
import { evidenceOf, samplerFor, samplerOptions, stopRule, terminationText } from "../sampler-option.js";
import { counter } from "../terminal.js";

/** What makes the sampler on a worker. */
const onWorker = new URL(
  import.meta.url.endsWith(".ts") ? "../estimator-sampler.ts" : "../estimator-sampler.js",
  import.meta.url,
);

/** How draws were made, and what is wrong with the observation. */
interface Told {
  readonly title: string;
  readonly warnings: readonly string[];
}

/** Samples a posterior and says whether the draws can be trusted. */
export const sample = defineCommand({
  name: "sample",
  summary: "draw from the posterior at an observation",
  description:
    "Several observations are taken as independent data of the same parameters. With --min-ess or --max-rhat the run ends when its " +
    "draws are enough, and --draws are the most that there will be. A posterior (galton train --method npe) is drawn from directly, without chains: chains times draws independent draws. R-hat above 1.01, an ESS below 400 and " +
    "divergences are told as warnings below the table; they are not failures.",
  arguments: [{ name: "ESTIMATOR", help: "file that galton train wrote" }],
  options: {
    observed: required(
      text(
        "DATA",
        "what was measured: numbers 0.9,1.4 (several observations 1,2;3,4), or a file .json, .csv, .npy with a row for each observation",
      ),
    ),
    out: text(
      "FILE",
      "the draws: .json (all), .csv, .arrow or .parquet (tables), .nc (netCDF for ArviZ); default none",
    ),
    ...samplerOptions,
    workers: integer(
      "N",
      "worker threads, each with an engine of its own, among which the chains are shared out; the draws are the same; default 1",
    ),
    seed: seed(),
    given: repeated(text("NAME=VALUE", "a parameter held at a known value")),
    prior: text("FILE", "another prior inside that of the simulations, as JSON"),
    data: text("DATA", `simulations to look for the observation in: ${dataHelp}`),
    checkpoint: text("FILE", "state of a stopped run; default that of --out with .checkpoint behind it"),
    restart: toggle("throw away the checkpoint of a stopped run"),
    engine: engineOption,
    json: toggle("print the summary as JSON"),
  },
  example: {
    command: "galton sample estimator.safetensors --observed 0.9,1.4,1.1 --out draws.json --seed hello",
    result:
      "Prints mean, sd, quantiles, R-hat, ESS and MCSE of each parameter and writes 100 chains of 100 draws.",
  },

  async run({ words: [file], options }, terminal) {
    const { out, warmup, thin, observed, sampler: name = "hmc" } = options;
    const checkpoint = options.checkpoint ?? (out === undefined ? undefined : `${out}.checkpoint`);
    const given = readGiven(options.given);
    const { checkEnding, writeDraws } = await import("../draws-file.js");
    const { checkWritable, removeFiles } = await import("../files.js");
    if (out !== undefined) {
      checkEnding(out, "sample");
      await checkWritable(out);
    }
    const { loadForPosterior } = await import("../estimator-file.js");
    const { posterior } = await import("../../posterior.js");
    const { readObserved } = await import("../observed.js");
    const { readPrior } = await import("../prior-file.js");
    const { runOnWorkers } = await import("../../sample-on-workers.js");
    const { samplerModule } = await import("../../sampler-module.js");
    const { summary } = await import("../../../samplers/summary.js");
    const { toRows } = await import("../../core/matrix.js");
    const saved = await import("../sampling-checkpoint.js");

    /** Prints the summary. */
    const tell = async (kept: Draws, { title, warnings }: Told): Promise<number> => {
      const { chains, draws } = kept;
      const table = summary(kept);
      const evidence = await evidenceOf(kept);
      const { rows, nested } = table;
      const all = [...warnings, ...table.warnings];
      if (options.json) {
        const made = { chains, draws, nested, ...(evidence && { evidence }) };
        terminal.json({ rows, ...made, warnings: all, run: kept.run, file: out ?? null });
        return 0;
      }
      const lines = [title, String(table), ...(evidence ? [evidenceLine(estimator.kind, evidence)] : [])];
      terminal.result([...lines, ...warnings.map((warning) => `! ${warning}`)].join("\n"));
      if (out !== undefined) terminal.note(`Wrote ${out}.`);
      return 0;
    };

    await using estimator = await loadForPosterior(file!, { engine: options.engine, caller: "sample" });
    const x = await readObserved(observed, estimator.header.xShape);
    const prior = options.prior === undefined ? undefined : await readPrior(options.prior);
    const warnings = options.data === undefined ? [] : await atypical(options.data, x);
    const told = { estimator: file, engine: estimator.engine, observed: toRows(x), given };
    if (estimator.kind === "posterior") {
      refuseOfChains(file!, options);
      const { directDraws } = await import("../../direct-posterior.js");
      const target = posterior(estimator, { observed: x });
      const { chains = 100, draws = 100 } = options;
      const own = await directDraws(target, { chains, draws, seed: options.seed, signal: terminal.signal });
      const kept = { ...own, run: { ...own.run, ...told } };
      if (out !== undefined) await writeDraws(out, kept);
      return tell(kept, { title: `direct, ${chains * draws} independent draws`, warnings });
    }
    const target = posterior(estimator, { observed: x, given, ...(prior && { prior }) });
    const sampler = await samplerFor(name, target);
    const made = {
      ...{ file: file!, engine: options.engine, observed: x, given, sampler: name },
      ...(prior && { prior: prior.spec }),
    } satisfies EstimatorSamplerInput;
    const stop = stopRule(options.minEss, options.maxRhat);

    const settings = { observed: toRows(x), given, prior: prior?.spec, engine: estimator.engine };
    const fingerprint = await saved.samplingFingerprint(file!, { ...settings, seed: options.seed });
    if (checkpoint && options.restart) await removeFiles([checkpoint]);
    const earlier = checkpoint && (await saved.readSamplingCheckpoint(checkpoint, fingerprint));
    let state: Checkpoint | undefined;
    const run = await runOnWorkers(sampler, samplerModule(onWorker, "estimatorSampler", made), {
      workers: options.workers ?? 1,
      chains: options.chains,
      warmup,
      draws: options.draws,
      thin,
      seed: options.seed,
      ...(stop && { stop }),
      signal: terminal.signal,
      onProgress: counter(terminal, "draws"),
      onCheckpoint: (reached) => {
        state = reached;
      },
      ...(earlier && { checkpoint: earlier }),
    }).catch(async (error) => {
      if (!terminal.signal.aborted) throw error;
      if (checkpoint && state) {
        await saved.writeSamplingCheckpoint(checkpoint, fingerprint, state);
        terminal.ifStopped(
          () =>
            `The chains are in ${checkpoint}; run the same command again to go on, or with --restart to start afresh.`,
        );
      } else {
        terminal.ifStopped(() => "Nothing was written; pass --out or --checkpoint to keep stopped chains.");
      }
      throw error;
    });

    const kept = { ...run, run: { ...run.run, ...told } };
    if (out !== undefined) await writeDraws(out, kept);
    if (checkpoint) await removeFiles([checkpoint]);
    const held = Object.entries(given).map(([parameter, value]) => `${parameter} = ${value}`);
    const taken = `${name}, ${kept.chains} chains of ${kept.draws} draws${await terminationText(kept)}`;
    const title = `${taken}${held.length > 0 ? `, given ${held.join(", ")}` : ""}`;
    return tell(kept, { title, warnings });
  },
});

/** Refuses what only chains have, and what a posterior was trained with. */
function refuseOfChains(
  file: string,
  options: {
    readonly given: readonly string[];
    readonly restart: boolean;
    readonly [name: string]: unknown;
  },
): void {
  const names = ["sampler", "warmup", "thin", "minEss", "maxRhat", "workers", "checkpoint", "prior"] as const;
  const other = names.find((name) => options[name] !== undefined);
  const found = other ?? (options.given.length > 0 ? "given" : options.restart ? "restart" : undefined);
  if (found === undefined) return;
  const why =
    found === "prior" || found === "given"
      ? "it holds the prior of its simulations and all parameters; a ratio or a likelihood takes others"
      : "it is drawn from directly, without chains";
  throw new ConfigError(`sample: ${flagOf(found)} does not go with ${file}, a posterior: ${why}.`);
}

/** The evidence as a line below the table; what its density is normalised to, the kind of the estimator says. */
function evidenceLine(kind: string, { logEvidence, standardError }: Evidence): string {
  const what = kind === "likelihood" ? "log evidence" : "log of the integral of prior times ratio";
  const error = Number.isNaN(standardError)
    ? "nats, without an error"
    : `+- ${standardError.toFixed(3)} nats`;
  return `${what}: ${logEvidence.toFixed(3)} ${error}`;
}

/** Reads `name=value` pairs. */
function readGiven(pairs: readonly string[]): Record<string, number> {
  const given: Record<string, number> = {};
  for (const pair of pairs) {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (name === undefined || value.trim() === "" || !Number.isFinite(Number(value))) {
      throw new ConfigError(`sample: --given must be NAME=VALUE such as sigma=0.5, got "${pair}".`);
    }
    if (Object.hasOwn(given, name)) throw new ConfigError(`sample: --given holds "${name}" twice.`);
    given[name] = Number(value);
  }
  return given;
}

/** Warnings for observations that lie outside the simulations. */
async function atypical(
  data: string,
  x: { rows: number; cols: number; data: Float64Array },
): Promise<string[]> {
  const { readData } = await import("../data-argument.js");
  const { typicalityIn } = await import("../../calibration/typicality.js");
  const check = typicalityIn((await readData(data)).x);
  const found: string[] = [];
  for (let i = 0; i < x.rows; i++) {
    const { warning } = check(x.data.subarray(i * x.cols, (i + 1) * x.cols));
    if (warning) found.push(x.rows > 1 ? `Observation ${i}: ${warning}` : warning);
  }
  return found;
}
