/**
 * Ratio, posterior and likelihood estimation by the Python package sbi, as methods of the benchmark: the same simulations,
 * observations and scores as ours. `GALTON_PYTHON` names the interpreter; one process of it does all jobs of this thread.
 *
 * The presets named `matched` have our network, initial weights, batches and number of contrasts. What sbi cannot be given
 * stays its own: Adam at a constant rate without weight decay and without averaged weights, training until the validation
 * loss (on new contrasts in each epoch) has not improved for 20 epochs, contrasts from the same minibatch and, for
 * NRE-C, others for the joint than for the marginal class, mean and standard deviation for data too.
 *
 * @see Tejero-Cantero et al. (2020), https://doi.org/10.21105/joss.02505
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Draws } from "../../samplers/draws.js";
import { summary } from "../../samplers/summary.js";
import type { Prior } from "../../src/core/contracts.js";
import { ConfigError, type EngineError } from "../../src/core/errors.js";
import { fromRows, type Matrix } from "../../src/core/matrix.js";
import { defaultRatioNetwork } from "../../src/estimators/aalr.js";
import { simulate } from "../../src/simulate.js";
import { loopOptions } from "../../src/train/options.js";
import type { Method, Prepared, TrainingOptions } from "../method.js";
import type { SamplingRecord } from "../record.js";
import { sampleTarget } from "../sampling.js";
import { decodeArray, decodeNumber, encodeArray, openPeer, type Peer } from "./peer.js";

/** What sbi trains: a ratio by one of two losses, or the density of the posterior or the likelihood, with its flow. */
export type SbiKind = "nre-a" | "nre-c" | "npe-maf" | "npe-nsf" | "nle-maf";

/** How a preset trains; what it leaves out has sbi's default. */
export interface SbiPreset {
  readonly kind: SbiKind;
  /** Options for `n` simulations. Default none. */
  readonly options?: (n: number) => TrainingOptions;
  /** Whose sampler draws: sbi's as it does by default, or ours as for our methods. Default `sbi`. */
  readonly sampler?: "sbi" | "galton";
}

/** Options of ours that sbi has too. */
const shared = ["epochs", "batchSize", "learningRate", "clipNorm", "validationFraction", "patience"] as const;

/** Options of ours that ratios have beside those. */
const sharedByRatios: Partial<Readonly<Record<SbiKind, readonly string[]>>> = {
  "nre-a": ["network"],
  "nre-c": ["network", "contrasts", "gamma"],
};

/**
 * A method that sends its simulations to a peer.
 *
 * @param open - gives a running peer; it stays the property of whoever opened it. Default `sbiPeer`.
 */
export function sbiMethod(
  name: string,
  title: string,
  { kind, options = () => ({}), sampler = "sbi" }: SbiPreset,
  open: () => Promise<Peer> = sbiPeer,
): Method {
  return {
    name,
    title,
    async prepare({ problem, simulations: n, seed, training = {}, signal }): Promise<Prepared> {
      const { simulator } = problem;
      const chosen = sharedOptions(name, kind, { ...options(n), ...training });
      const peer = await open();
      const { theta, x } = await simulate(simulator, { n, seed, signal }); // the table that our methods make of this seed
      const tables = { prior: simulator.prior.spec, theta: encodeArray(theta), x: encodeArray(x) };
      const id = requests++;
      const trained = await peer.ask({ do: "train", id, seed, kind, options: chosen, ...tables }, signal);
      const estimator = trainedThere(peer, id, name, kind, simulator.prior);
      const density: Prepared["logProb"] = async (at, observed) =>
        (await estimator.density(at, observed, signal)).logProb;
      const { python, torch, sbi } = peer.installed;
      return {
        engine: `sbi ${sbi} (torch ${torch}, Python ${python})`,
        trainCpuSeconds: decodeNumber(trained, "cpuSeconds", name),
        sample: sampler === "sbi" ? estimator.sample : estimator.sampleHere,
        ...(kind === "nle-maf" ? { logDensity: density } : { logProb: density }), // a likelihood does not know the evidence
        async [Symbol.asyncDispose]() {
          if (peer.isAlive()) await peer.ask({ do: "forget", estimator: id }).catch(() => undefined);
        },
      };
    },
  };
}

/** What can be had of an estimator that a peer has trained. */
function trainedThere(peer: Peer, id: number, method: string, kind: SbiKind, prior: Prior) {
  const { names, dim, support } = prior;
  const ask = (action: string, observed: Float64Array, request: object, signal?: AbortSignal) =>
    peer.ask({ do: action, estimator: id, observed: encodeArray(fromRows([observed])), ...request }, signal);

  /** Log density of the posterior at rows `[N, D]`, nats, for a likelihood up to a constant, and what it cost there. */
  const density = async (theta: Matrix, observed: Float64Array, signal?: AbortSignal) => {
    const answer = await ask("evaluate", observed, { theta: encodeArray(theta) }, signal);
    const log = decodeArray(answer.log, theta.rows, 1, method).data;
    const logPrior = prior.logProb(theta);
    const isPosterior = kind.startsWith("npe");
    return {
      logProb: logPrior.map((value, i) =>
        value === -Infinity ? value : isPosterior ? log[i] : value + log[i],
      ),
      cpuSeconds: decodeNumber(answer, "cpuSeconds", method),
    };
  };

  /** Draws by sbi's sampler. */
  const sample: Prepared["sample"] = async (observed, { draws: wanted, seed, signal }) => {
    const answer = await ask("sample", observed, { draws: wanted, seed }, signal);
    const draws = decodeArray(answer.draws, wanted, dim, method);
    return {
      draws,
      sampling:
        answer.chains === undefined // without a chain
          ? { draws: draws.rows }
          : describeSampling(draws, names, decodeNumber(answer, "chains", method)),
      cpuSeconds: decodeNumber(answer, "cpuSeconds", method),
    };
  };

  /** Draws by ours, which asks for the density. */
  const sampleHere: Prepared["sample"] = async (observed, drawing) => {
    let there = 0;
    const logProb = async (theta: Matrix) => {
      const answer = await density(theta, observed, drawing.signal);
      there += answer.cpuSeconds;
      return answer.logProb;
    };
    const target = { dim, names, support, normalised: false, start: prior, logProb } as const;
    const { cpuSeconds: here = 0, ...made } = await sampleTarget(target, drawing);
    return { ...made, cpuSeconds: here + there };
  };

  return { density, sample, sampleHere };
}

/** Trainings so far; a peer knows them by number. */
let requests = 0;

/** @throws {ConfigError} for an option that sbi does not have. */
function sharedOptions(method: string, kind: SbiKind, training: TrainingOptions): TrainingOptions {
  const known: readonly string[] = [...shared, ...(sharedByRatios[kind] ?? [])];
  const given = Object.entries(training).filter(([, value]) => value !== undefined);
  const strange = given.find(([option]) => !known.includes(option));
  if (strange !== undefined) {
    throw new ConfigError(
      `${method}: sbi has no counterpart of the training option "${strange[0]}"; it has ${known.join(", ")}. ` +
        "Compare it in a plan of its own.",
    );
  }
  return Object.fromEntries(given);
}

/** R-hat and ESS of draws that come chain after chain; not where the last chain is cut short. */
function describeSampling(draws: Matrix, names: readonly string[], chains: number): SamplingRecord {
  const each = draws.rows / chains;
  if (!Number.isInteger(each)) return { draws: draws.rows };
  const made: Draws = { names, chains, draws: each, values: draws.data, stats: {}, warmup: {}, run: {} };
  const { rows } = summary(made);
  return {
    draws: draws.rows,
    rhat: Math.max(...rows.map(({ rhat }) => rhat)),
    essBulk: Math.min(...rows.map(({ essBulk }) => essBulk)),
  };
}

let running: { readonly python: string; readonly peer: Promise<Peer> } | undefined;

/**
 * The process of the interpreter that `GALTON_PYTHON` names, started once and again where it ended.
 *
 * @throws {ConfigError} if there is none, or it cannot import sbi; the message says what to type.
 */
export async function sbiPeer(): Promise<Peer> {
  const python = process.env.GALTON_PYTHON;
  if (python === undefined || python === "") {
    throw new ConfigError(`sbi: GALTON_PYTHON must name a Python interpreter that has sbi. ${advice}`);
  }
  const before = running?.python === python ? await running.peer.catch(() => undefined) : undefined;
  if (before?.isAlive()) return before;
  const script = fileURLToPath(new URL("sbi-peer.py", import.meta.url));
  const peer = openPeer([python, script], `${python} (GALTON_PYTHON)`).catch((cause: EngineError) => {
    const absent = /No module named '(\w+)'/.exec(cause.message)?.[1];
    if (absent === undefined && !cause.message.includes("could not be started")) throw cause;
    const reason =
      absent === undefined ? cause.message : `${python} (GALTON_PYTHON) has no package ${absent}`;
    throw new ConfigError(`sbi: ${reason}. ${advice}`, { cause });
  });
  running = { python, peer };
  return peer;
}

const advice =
  'Type "python3 -m venv ../sbi-venv && ../sbi-venv/bin/pip install sbi" and set GALTON_PYTHON=../sbi-venv/bin/python.';

/** What our methods do by default, where sbi has it. */
const ours = (n: number): TrainingOptions => ({
  network: defaultRatioNetwork(n),
  batchSize: loopOptions(n, {}).batchSize,
});

/** Every default is sbi's. */
export const sbiNreA = sbiMethod("sbi-nre-a", "NRE-A (AALR) of the Python package sbi, with its defaults", {
  kind: "nre-a",
});

/** Every default is sbi's: five contrasts. */
export const sbiNreC = sbiMethod("sbi-nre-c", "NRE-C of the Python package sbi, with its defaults", {
  kind: "nre-c",
});

/** The counterpart of `nre-a`. */
export const sbiNreAMatched = sbiMethod(
  "sbi-nre-a-matched",
  "NRE-A of sbi, with the network and batches of nre-a",
  {
    kind: "nre-a",
    options: ours,
  },
);

const matchedNreC = { kind: "nre-c", options: (n: number) => ({ ...ours(n), contrasts: 4 }) } as const;

/** The counterpart of `aalr`. */
export const sbiNreCMatched = sbiMethod(
  "sbi-nre-c-matched",
  "NRE-C of sbi, with the network, batches and contrasts of aalr",
  matchedNreC,
);

/** Tells the network from the sampler. */
export const sbiNreCMatchedMh = sbiMethod(
  "sbi-nre-c-matched-mh",
  "The network of sbi-nre-c-matched, sampled as aalr is",
  { ...matchedNreC, sampler: "galton" },
);

/** Every default is sbi's: five autoregressive transforms of 50 units. */
export const sbiNpeMaf = sbiMethod(
  "sbi-npe-maf",
  "NPE of sbi with a masked autoregressive flow, its default",
  {
    kind: "npe-maf",
  },
);

/** Every default is sbi's: five coupling transforms of splines with ten bins. */
export const sbiNpeNsf = sbiMethod("sbi-npe-nsf", "NPE of sbi with a neural spline flow", {
  kind: "npe-nsf",
});

/** Every default is sbi's; it is sampled as its ratios are. */
export const sbiNle = sbiMethod("sbi-nle", "NLE of sbi with a masked autoregressive flow, its default", {
  kind: "nle-maf",
});
