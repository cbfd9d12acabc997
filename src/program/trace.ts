/**
 * Traces: how a program draws, and what is kept of its draws.
 *
 * A program asks `trace.sample(address, distribution)` for every random number. Run once, a recorder draws them and
 * keeps the path `z`: addresses, values and log probabilities. Run again at another `theta`, a replayer hands the same
 * values back in the same order and adds up what they are worth there:
 *
 *     log p(x, z | theta') = sum_i log p_i(z_i | z_<i, theta')
 *
 * Draws are matched by their order and compared by their address, so a replay keeps no maps. What is added up is the
 * difference to the recording, draw by draw: a long path then costs no precision.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section II
 * @module
 */
import type { Distribution } from "../core/distributions/distribution.js";
import { SimulatorError } from "../core/errors.js";
import type { Rng } from "../core/random.js";

/** What one draw gives: a number, or a vector. */
export type Drawn = number | Float64Array;

/** What a program can draw from: any `Distribution`, or an object of your own with these two functions. */
export type Drawable<Value extends Drawn = number> = Pick<Distribution<Value>, "sample" | "logProb">;

/** The only source of randomness of a program. */
export interface Trace {
  /**
   * One draw, which belongs to the path from now on.
   *
   * @param address - what the draw means, such as `"nail"`. A loop may use one address again and again: the path
   *   counts, `"nail[0]"`, `"nail[1]"`.
   * @param distribution - where to draw from; may depend on `theta` and on earlier draws. Used at once and not kept,
   *   so a program may change and reuse one object.
   */
  sample<Value extends Drawn>(address: string, distribution: Drawable<Value>): Value;
}

/** What one run drew: plain data. */
export interface Path {
  /** Where the path was drawn, `[D]`. */
  readonly theta: Float64Array;
  /** What the program returned, `[L]`. */
  readonly x: Float64Array;
  /** The address of each draw as the program wrote it; `pathAddresses` adds the counters. */
  readonly addresses: readonly string[];
  readonly values: readonly Drawn[];
  /** `log p_i(z_i | z_<i, theta)` of each draw, nats. */
  readonly logProbs: readonly number[];
  /** `log p(x, z | theta)`, the sum of them. */
  readonly logProb: number;
}

/** The addresses of a path with their counters: `"nail[0]"`, `"nail[1]"`, `"photons[0]"`. */
export function pathAddresses({ addresses }: Pick<Path, "addresses">): string[] {
  const seen = new Map<string, number>();
  return addresses.map((address) => {
    const count = seen.get(address) ?? 0;
    seen.set(address, count + 1);
    return `${address}[${count}]`;
  });
}

/** Draws and keeps what it drew. */
export class Recorder implements Trace {
  readonly addresses: string[] = [];
  readonly values: Drawn[] = [];
  readonly logProbs: number[] = [];
  logProb = 0;

  constructor(private readonly rng: Rng) {}

  sample<Value extends Drawn>(address: string, distribution: Drawable<Value>): Value {
    if (typeof address !== "string" || typeof distribution?.logProb !== "function") {
      throw new TypeError(
        `trace.sample expects an address and a distribution, such as trace.sample("nail", bernoulli(0.5)), ` +
          `got ${JSON.stringify(address)} and a ${typeof distribution}.`,
      );
    }
    const value = distribution.sample(this.rng);
    const logProb = distribution.logProb(value);
    this.addresses.push(address);
    this.values.push(typeof value === "number" ? value : value.slice()); // the program may overwrite its vector
    this.logProbs.push(logProb);
    this.logProb += logProb;
    return value;
  }
}

/** Hands the values of a path back and scores them. */
export class Replayer implements Trace {
  /** `log p(x, z | theta') - log p(x, z | theta)` so far, `theta` being where the path was drawn. */
  difference = 0;
  private next = 0;

  constructor(private readonly path: Path) {}

  sample<Value extends Drawn>(address: string, distribution: Drawable<Value>): Value {
    const { addresses, values, logProbs } = this.path;
    const at = this.next++;
    if (at >= addresses.length || addresses[at] !== address) this.refuse(at, `asks for "${address}"`);
    const value = values[at] as Value;
    this.difference += distribution.logProb(value) - logProbs[at];
    return typeof value === "number" ? value : (value.slice() as Value);
  }

  /** Checks that nothing of the path is left. */
  finish(): void {
    if (this.next < this.path.addresses.length) this.refuse(this.next, "ends");
  }

  private refuse(at: number, does: string): never {
    const recorded = pathAddresses(this.path)[at];
    throw new SimulatorError(
      `replayed at another theta, the program ${does} where the recorded path ` +
        `${recorded === undefined ? "has ended" : `has ${recorded}`} (draw ${at}). Which draws a program makes may ` +
        `depend on earlier draws but not on theta directly. Draw the decision itself, as in ` +
        `if (trace.sample("branch", bernoulli(p(theta))) === 1), and let what follows depend on what was drawn.`,
    );
  }
}
