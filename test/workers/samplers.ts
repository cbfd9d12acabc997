/** Samplers for the tests, in a module of their own so that workers can import them. */
import { isMainThread } from "node:worker_threads";
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { metropolis } from "../../samplers/metropolis.js";
import { nuts } from "../../samplers/nuts.js";
import { parallelTempering } from "../../samplers/parallel-tempering.js";
import { slice } from "../../samplers/slice.js";
import { smc } from "../../samplers/smc.js";
import { stretch } from "../../samplers/stretch.js";
import { logDensity } from "../../samplers/target.js";
import { between, stacked } from "../../src/core/bijection.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { boxStart } from "../samplers/targets.js";

/** A correlated density with a narrow neck, `x ~ N(0, exp(y))`, cut off by a box: chains differ in pace, some trajectories diverge. */
const neck: LogDensity = logDensity({
  names: ["x", "y"],
  support: stacked([between(-4, 4), between(-4, 4)]),
  start: boxStart(2, -4, 4),
  logProb: ([x, y]) => -0.5 * x * x * Math.exp(-y) - 0.5 * y - 0.1 * y * y,
  gradient([x, y], out) {
    const precision = Math.exp(-y);
    out[0] = -x * precision;
    out[1] = 0.5 * x * x * precision - 0.5 - 0.2 * y;
  },
});

const kinds = {
  hmc: (target: LogDensity) => hmc(target, { maxSteps: 16 }),
  "hmc with a long step": (target: LogDensity) =>
    hmc(target, {
      stepSize: 1.2,
      inverseMass: Float64Array.of(1, 1),
      trajectoryLength: 3,
      metric: "diagonal",
    }),
  nuts: (target: LogDensity) => nuts(target, { maxTreeDepth: 4 }),
  "nuts as Stan adapts it": (target: LogDensity) => nuts(target, { adaptation: "stan", maxTreeDepth: 4 }),
  metropolis: (target: LogDensity) => metropolis(target),
  slice: (target: LogDensity) => slice(target),
  stretch: (target: LogDensity) => stretch(target, { ensembles: 3 }),
  parallelTempering: (target: LogDensity) => parallelTempering(target, { replicas: 4 }),
  smc: (target: LogDensity) => smc(target, { islands: 3 }),
} satisfies Record<string, (target: LogDensity) => Sampler>;

export type Kind = keyof typeof kinds;

export interface Made {
  readonly kind: Kind;
  /** Calls of the target after which each sampler that is made fails. */
  readonly failsAfter?: number;
  /** Calls after which a worker thread ends itself. */
  readonly diesAfter?: number;
  /** What each call takes. */
  readonly seconds?: number;
  /** Added to the log density of every sampler but the first: what a worker with another file would see. */
  readonly drift?: number;
}

/** Samplers that were made here, and how many of them were disposed of. */
export const count = { made: 0, disposed: 0 };

export async function sampler({
  kind,
  failsAfter = Infinity,
  diesAfter = Infinity,
  seconds = 0,
  drift = 0,
}: Made): Promise<Sampler & AsyncDisposable> {
  await Promise.resolve();
  const shift = count.made++ > 0 ? drift : 0;
  let calls = 0;
  const call = () => {
    calls++;
    if (calls > failsAfter) throw new RangeError("the telescope is shut");
    if (calls > diesAfter && !isMainThread) process.exit(3);
    for (const end = performance.now() + 1000 * seconds; performance.now() < end; );
  };
  const target: LogDensity = {
    ...neck,
    async logProb(theta) {
      call();
      return (await neck.logProb(theta)).map((value) => value + shift);
    },
    async gradient(theta) {
      call();
      const { logProb, gradient } = await neck.gradient!(theta);
      return { logProb: logProb.map((value) => value + shift), gradient };
    },
  };
  return {
    ...kinds[kind](target),
    async [Symbol.asyncDispose]() {
      count.disposed++;
    },
  };
}

export const fixed = hmc(neck);
export const number = 3;
export const nothing = () => undefined;
