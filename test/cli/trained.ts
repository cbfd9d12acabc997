/** A folder with simulations and estimators trained on them, for the tests of commands. */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll } from "vitest";
import { aalr } from "../../src/estimators/aalr.js";
import { saveEstimator } from "../../src/estimators/file.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { temporaryFolder } from "./host.js";
import { simulator } from "./simulator.js";

/** The module of simulators. */
export const models = join(dirname(fileURLToPath(import.meta.url)), "simulator.ts");

/** Makes the folder before the tests of the file: `simulations/` and two estimators. */
export function trainedFolder() {
  const folder = temporaryFolder();
  const path = (name: string) => join(folder, name);
  const estimator = path("estimator.safetensors");
  const withoutPrior = path("no-prior.safetensors");
  beforeAll(async () => {
    const network = { kind: "residual", width: 8, blocks: 1, activation: "silu" } as const;
    const simulations = await simulate(simulator, { n: 300, seed: 1, out: path("simulations") });
    await using trained = await train(aalr(simulations, { network }), { epochs: 1 });
    await saveEstimator(trained, estimator);
    await using bare = await train(aalr({ ...simulations, prior: undefined }, { network }), { epochs: 1 });
    await saveEstimator(bare, withoutPrior);
  });
  return {
    folder,
    estimator,
    withoutPrior,
    /** A file in it. */
    path,
    /** Writes a file, and returns where. */
    write(name: string, content: string): string {
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}
