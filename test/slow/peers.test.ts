/** sbi itself, where `GALTON_PYTHON` names an interpreter that has it: the mean of a Gaussian, whose posterior is known. */
import { afterAll, describe, expect, it } from "vitest";
import type { Method } from "../../benchmarks/method.js";
import {
  sbiNle,
  sbiNpeMaf,
  sbiNpeNsf,
  sbiNreA,
  sbiNreAMatched,
  sbiNreC,
  sbiNreCMatched,
  sbiNreCMatchedMh,
  sbiPeer,
} from "../../benchmarks/peers/sbi.js";
import { matrix } from "../../src/core/matrix.js";
import { problem } from "../benchmarks/own.js";

const python = process.env.GALTON_PYTHON ?? "";
const task = { problem, simulations: 2000, seed: 1 };
const observed = problem.observation(1);
const mean = observed[0] / 2;

describe.skipIf(python === "")(
  `sbi${python === "" ? " (skipped: GALTON_PYTHON names no interpreter)" : ""}`,
  () => {
    afterAll(async () => (await sbiPeer()).close());

    it.each<[string, Method]>(
      [sbiNreA, sbiNreAMatched, sbiNreC, sbiNreCMatched, sbiNreCMatchedMh, sbiNpeMaf, sbiNpeNsf, sbiNle].map(
        (each) => [each.name, each],
      ),
    )("%s finds the posterior from our simulations", async (_, method) => {
      await using prepared = await method.prepare(task);
      const { draws, sampling } = await prepared.sample(observed, { draws: 2000, seed: 1 });
      const moment = (f: (theta: number) => number) =>
        draws.data.reduce((sum, theta) => sum + f(theta), 0) / draws.rows;
      const sd = Math.sqrt(moment((theta) => (theta - mean) ** 2));
      // an estimator from 2,000 simulations is off by about a tenth of the posterior's width, chains by less
      expect(Math.abs(moment((theta) => theta) - mean)).toBeLessThan(0.4 * Math.SQRT1_2);
      expect(Math.abs(sd / Math.SQRT1_2 - 1)).toBeLessThan(0.3);
      expect(sampling.rhat ?? 1).toBeLessThan(1.1); // independent draws have none
      if (!prepared.logProb) return;
      const logProb = await prepared.logProb(matrix(1, 1, Float64Array.of(mean)), observed);
      expect(Math.abs(logProb[0] + 0.5 * Math.log(Math.PI))).toBeLessThan(0.3); // N(mean, 1/2) at its mean
    });

    it("gives the same draws for the same seed, and others for another", async () => {
      const draw = async (seed: number) => {
        await using prepared = await sbiNreA.prepare({
          ...task,
          simulations: 500,
          seed,
          training: { epochs: 3 },
        });
        return (await prepared.sample(observed, { draws: 100, seed })).draws.data;
      };
      const first = await draw(1);
      expect(await draw(1)).toEqual(first);
      expect(await draw(2)).not.toEqual(first);
    });

    it("says what it cannot do", async () => {
      const mixed = { kind: "joined", blocks: [] };
      const prior = { ...problem.simulator.prior, spec: mixed };
      const other = { ...problem, simulator: { ...problem.simulator, prior } };
      await expect(sbiNreA.prepare({ ...task, problem: other })).rejects.toThrow(
        /failed: ValueError: the prior "joined" has no counterpart/,
      );
    });
  },
);
