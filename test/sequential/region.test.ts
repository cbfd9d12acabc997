import { describe, expect, it } from "vitest";
import type { LogDensity } from "../../src/core/contracts.js";
import { normal } from "../../src/core/distributions/normal.js";
import { matrix, row, toRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";
import { type HighDensity, regionScale, restrictedDraws } from "../../src/sequential/region.js";

const sd = 0.01;
const middle = [1, -2];
const left = 1e-3;
const radius = sd * Math.sqrt(-2 * Math.log(left)); // chi squared of two degrees has its survival at exp(-r^2 / 2)

const radii = (theta: Parameters<typeof toRows>[0]) =>
  toRows(theta).map((value) => Math.hypot(value[0] - middle[0], value[1] - middle[1]));

/** A narrow normal density, its region a disc. */
function disc(scale: number): HighDensity {
  const logProb = async (theta: Parameters<typeof toRows>[0]) =>
    Float64Array.from(radii(theta), (r) => -Math.log(2 * Math.PI * sd ** 2) - 0.5 * (r / sd) ** 2);
  return {
    target: { dim: 2, names: ["a", "b"], normalised: true, logProb } as unknown as LogDensity,
    threshold: Math.log(left / (2 * Math.PI * sd ** 2)),
    async draw(n, own) {
      const rng = stream(own);
      const theta = matrix(n, 2);
      const logWeights = Float64Array.from({ length: n }, (_, i) => {
        const noise = [rng.normal(), rng.normal()];
        row(theta, i).set(noise.map((value, j) => middle[j] + sd * scale * value));
        return 2 * Math.log(scale) + 0.5 * (1 - scale ** 2) * (noise[0] ** 2 + noise[1] ** 2);
      });
      return { theta, logWeights };
    },
  };
}

const prior = uniform({ a: [-5, 5], b: [-5, 5] });
const n = 2000;

describe("draws from a prior inside a region that holds little of it", () => {
  it.each([1, regionScale(2, left)])("are even over a disc, from noise %f times as wide", async (scale) => {
    const n = scale > 1 ? 2000 : 500; // they are dear without wider noise
    const { theta, proposal, acceptance, tries } = await restrictedDraws(prior, [disc(scale)], n, key(1));
    expect(proposal).toBe("posterior");
    // the squared radius is uniform: Kolmogorov's distance is below 1.95 / sqrt(n) in 999 cases of 1,000
    const squares = radii(theta)
      .map((r) => (r / radius) ** 2)
      .sort((a, b) => a - b);
    const distance = Math.max(...squares.map((value, i) => Math.max((i + 1) / n - value, value - i / n)));
    expect(distance).toBeLessThan(1.95 / Math.sqrt(n));
    const mass = (Math.PI * radius ** 2) / 100;
    expect(Math.abs(acceptance / mass - 1)).toBeLessThan(0.1); // thousands of weights of like size
    if (scale > 1)
      expect(tries).toBeLessThan(4); // theory: r^2 / (2 s^2) exp(-1) = 1 / e of all
    else expect(tries).toBeGreaterThan(100); // and 1 / 145 without
  });

  it("let an abort come while they run, though the density never waits", async () => {
    for (const region of [disc(1), { ...disc(1), draw: undefined }]) {
      const nowhere = { ...region, threshold: Infinity };
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 0);
      const running = restrictedDraws(prior, [nowhere], 10, key(1), { mostTries: 2e6, signal: stop.signal });
      await expect(running).rejects.toThrow(/abort/);
    }
  });

  it("follow a prior that is not flat", async () => {
    const spread = 0.12; // one unit from its middle its log density falls by five nats across the disc
    const steep = independent({ a: normal(middle[0] + 1, spread), b: normal(middle[1], 10) });
    const { theta, proposal } = await restrictedDraws(steep, [disc(regionScale(2, left))], n, key(2));
    expect(proposal).toBe("posterior");
    let [total, first, second] = [0, 0, 0]; // the density of a: the prior's times the chord of the disc
    for (let a = -radius; a < radius; a += radius / 1000) {
      const chord = Math.sqrt(Math.max(0, radius ** 2 - a ** 2));
      const weight = chord * Math.exp(-0.5 * ((a - 1) / spread) ** 2 + 0.5 / spread ** 2);
      total += weight;
      first += weight * a;
      second += weight * a ** 2;
    }
    const mean = first / total;
    const found = toRows(theta).reduce((sum, [a]) => sum + (a - middle[0]) / n, 0);
    expect(mean).toBeGreaterThan(0.3 * radius); // it is not even
    expect(Math.abs(found - mean)).toBeLessThan(4 * Math.sqrt((second / total - mean ** 2) / n));
  });

  it("are the same bytes from the same key", async () => {
    const draws = () => restrictedDraws(prior, [disc(2)], 50, key(3));
    expect(await draws()).toEqual(await draws());
  });

  it("stop where there is no posterior to draw from, or it does not help", async () => {
    const { draw: _, ...bare } = disc(1);
    const few = { mostTries: 2000 };
    await expect(restrictedDraws(prior, [{ ...bare, threshold: 20 }], 10, key(4), few)).rejects.toThrow(
      /0 of 10000 draws from the prior .* objective such as npe/,
    );
    await expect(
      restrictedDraws(prior, [{ ...disc(1), threshold: 20 }], 10, key(4), { mostTries: 25_000 }),
    ).rejects.toThrow(/0 of 30000 draws from the current posterior/);
  });
});
