/**
 * Our no-U-turn sampler and NumPyro's on the same densities from the same starts, judged by the same code: effective draws per
 * gradient. `GALTON_PYTHON` names an interpreter that has NumPyro.
 *
 * @see Phan, Pradhan and Jankowiak (2019), https://arxiv.org/abs/1912.11554
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Draws } from "../../samplers/draws.js";
import { ConfigError, EngineError } from "../../src/core/errors.js";
import { type Matrix, matrix, row, sliceRows, stackRows } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { cpuClock } from "../cpu-clock.js";
import { decodeArray, decodeNumber, encodeArray, openPeer, type Peer } from "../peers/peer.js";
import { judge } from "../posteriordb/judge.js";
import { readData } from "../posteriordb/reference-posterior.js";
import { coldStart } from "../posteriordb/starts.js";
import { drawFrom, type KnownPosterior, readPosterior } from "./posteriors.js";
import { evaluationsOf } from "./samplers.js";

/** Those that `numpyro-peer.py` has: a hierarchy, a regression, two time series and a Gaussian process. */
export const peerPosteriors = [
  "eight_schools-eight_schools_noncentered",
  "sblrc-blr",
  "arK-arK",
  "garch-garch11",
  "gp_pois_regr-gp_regr",
] as const;

/** What is written of one run of one of the two: `kind` is `"peer"`. */
export interface PeerRow {
  readonly kind: "peer";
  readonly posterior: string;
  /** `"galton"`, or `"numpyro"` with its version behind. */
  readonly method: string;
  readonly version?: string;
  readonly seed: number;
  readonly z: number;
  readonly rhat: number;
  /** The least over the parameters. */
  readonly essBulk: number;
  /** Gradients of the kept draws. */
  readonly evaluations: number;
  readonly essPerEvaluation: number;
  readonly divergences: number;
  /** Of NumPyro the share of a run of all seeds, with compilation. */
  readonly cpuSeconds: number;
}

const settings = { chains: 4, warmup: 1000, draws: 1000, thin: 1 } as const;
const packages = ["python", "jax", "numpyro"] as const;

/** Largest relative difference of two log densities: points travel as float32. */
const tolerance = 1e-5;

/** Starts NumPyro. */
export function numpyroPeer(): Promise<Peer<(typeof packages)[number]>> {
  const python = process.env.GALTON_PYTHON;
  if (python === undefined || python === "") {
    throw new ConfigError(
      "GALTON_PYTHON must name a Python interpreter with NumPyro, such as numpyro-venv/bin/python behind " +
        "python3 -m venv numpyro-venv && numpyro-venv/bin/pip install numpyro.",
    );
  }
  const program = fileURLToPath(new URL("../peers/numpyro-peer.py", import.meta.url));
  return openPeer([python, program], "NumPyro", packages);
}

/**
 * Runs both on one posterior, ours once per seed, and NumPyro's with the chains of all seeds side by side.
 *
 * @param folder - of the reference data, that holds `index.json`.
 * @throws {EngineError} if the peer fails, or its log density is another than ours at the starts.
 */
export async function besideNumpyro(
  peer: Peer<(typeof packages)[number]>,
  folder: string,
  name: string,
  seeds: readonly number[],
): Promise<PeerRow[]> {
  const posterior = readPosterior(folder, name);
  const { target } = posterior;
  const rows: PeerRow[] = [];
  const run = { ...settings, sampler: "nuts", options: { adaptation: "stan" }, start: "cold" } as const;
  for (const seed of seeds) {
    const clock = cpuClock();
    const draws = await drawFrom(posterior, run, seed);
    const cpuSeconds = clock();
    const divergences = Number(draws.run.divergences);
    rows.push({ ...peerRow(name, seed, posterior, draws), method: "galton", divergences, cpuSeconds });
  }
  const { warmup, draws, chains } = settings;
  const starts = stackRows(
    seeds.map((seed) => unconstrained(posterior, coldStart(target, chains, foldIn(key("initial"), seed)))),
  ); // as `drawFrom` starts ours
  const question = { posterior: name, data: readData(join(folder, name)), u: encodeArray(starts) };
  await checkDensity(peer, posterior, starts, question);
  const answer = await peer.ask({ do: "sample", ...question, seed: seeds[0], warmup, draws });
  const perSeed = chains * draws;
  const part = (field: string, cols: number, k: number) => {
    const all = decodeArray(answer[field], perSeed * seeds.length, cols, `NumPyro's ${field}`);
    return sliceRows(all, k * perSeed, (k + 1) * perSeed);
  };
  seeds.forEach((seed, k) => {
    const theirs: Draws = {
      names: target.names,
      chains,
      draws,
      values: constrained(posterior, part("draws", target.dim, k)).data,
      stats: { numSteps: part("numSteps", 1, k).data },
      warmup: {},
      run: { options: {} },
    };
    rows.push({
      ...peerRow(name, seed, posterior, theirs),
      method: "numpyro",
      version: `${peer.installed.numpyro} (JAX ${peer.installed.jax})`,
      divergences: part("diverging", 1, k).data.reduce((a, b) => a + b, 0),
      cpuSeconds: decodeNumber(answer, "cpuSeconds", "NumPyro") / seeds.length,
    });
  });
  return rows;
}

function peerRow(name: string, seed: number, posterior: KnownPosterior, draws: Draws) {
  const { z, rhat, essBulk } = judge(draws, posterior, posterior.reference);
  const evaluations = evaluationsOf(draws);
  return {
    kind: "peer" as const,
    posterior: name,
    seed,
    z,
    rhat,
    essBulk,
    evaluations,
    essPerEvaluation: essBulk / evaluations,
  };
}

/** Two densities that differ would make the comparison one of densities. */
async function checkDensity(
  peer: Peer<(typeof packages)[number]>,
  posterior: KnownPosterior,
  u: Matrix,
  question: object,
): Promise<void> {
  const { target, name } = posterior;
  const answer = await peer.ask({ do: "evaluate", ...question });
  const theirs = decodeArray(answer.logProb, u.rows, 1, "NumPyro's log density").data;
  const ours = await target.logProb(constrained(posterior, u));
  ours.forEach((value, i) => {
    const whole = value + target.support.logDet(row(u, i));
    if (Math.abs(whole - theirs[i]) <= tolerance * (1 + Math.abs(whole))) return;
    throw new EngineError(
      `NumPyro's log density of ${name} is ${theirs[i]} where ours is ${whole}; expected the same target.`,
    );
  });
}

function unconstrained({ target }: KnownPosterior, theta: Matrix): Matrix {
  const u = matrix(theta.rows, theta.cols);
  for (let i = 0; i < theta.rows; i++) target.support.toUnconstrained(row(theta, i), row(u, i));
  return u;
}

function constrained({ target }: KnownPosterior, u: Matrix): Matrix {
  const theta = matrix(u.rows, u.cols);
  for (let i = 0; i < u.rows; i++) target.support.toConstrained(row(u, i), row(theta, i));
  return theta;
}
