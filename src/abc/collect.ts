/**
 * Simulating proposals until enough of them are accepted. How many are asked for at a time follows from the acceptance
 * so far, never from the size of the batches, and all that are accepted are kept, since they were paid for.
 *
 * @module
 */
import type { Matrix } from "../core/matrix.js";
import { type AbcRun, acceptedOf, type Particle } from "./abc-run.js";

/** What to collect. */
export interface Collection {
  /** `count` parameters, of which the first belongs to simulation `from` of the run; `undefined` where there are none. */
  readonly propose: (count: number, from: number) => Matrix | undefined;
  /** Largest distance that counts. */
  readonly tolerance: number;
  /** Largest distance that is kept. Default `tolerance`. */
  readonly reach?: number;
  /** Particles wanted within the tolerance. */
  readonly wanted: number;
  /** Simulations that may be made. */
  readonly most: number;
  /** Guess of the acceptance rate before anything is known. */
  readonly rate: number;
  /** Simulations of the first request, at the least. Default 1. */
  readonly first?: number;
  /** Told after each request. */
  readonly onRequest?: () => void;
}

/** What came of it: fewer particles than wanted where the simulations, or the proposals, came to their end. */
export interface Collected {
  /** All within reach. */
  readonly particles: Particle[];
  /** Those of them within the tolerance. */
  readonly accepted: number;
  readonly simulations: number;
  /** Whether proposals came to their end. */
  readonly exhausted: boolean;
}

/** Simulates until there are enough. */
export async function collect(run: AbcRun, collection: Collection): Promise<Collected> {
  const { propose, tolerance, reach = tolerance, wanted, most, first = 1, onRequest } = collection;
  const particles: Particle[] = [];
  let accepted = 0;
  let simulations = 0;
  let { rate } = collection;
  while (accepted < wanted && simulations < most) {
    const needed = Math.ceil((wanted - accepted) / rate);
    const count = Math.min(
      most - simulations,
      Math.max(simulations === 0 ? first : 1, Math.min(needed, 10 * wanted)), // ten times: a rate is soon known
    );
    const theta = propose(count, run.simulations);
    if (theta === undefined) return { particles, accepted, simulations, exhausted: true };
    for (const particle of acceptedOf(theta, await run.simulate(theta), reach)) {
      particles.push(particle);
      if (particle.distance <= tolerance) accepted++;
    }
    simulations += count;
    rate = Math.max(accepted, 1) / simulations;
    onRequest?.();
  }
  return { particles, accepted, simulations, exhausted: false };
}
