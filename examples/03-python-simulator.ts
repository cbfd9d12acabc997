/**
 * A simulator in another language: any command that reads parameters and writes data as lines of JSON.
 *
 * Question: the same as in 02-hello, but the simulator is a Python script (standard library only).
 * Expected: the posterior mean of mu within its error of the mean of the data. About half a minute; needs python3.
 */
import { fileURLToPath } from "node:url";
import {
  aalr,
  commandSimulator,
  hmc,
  posterior,
  sample,
  simulate,
  summary,
  train,
  uniform,
} from "../src/index.js";

await using simulator = commandSimulator({
  command: ["python3", fileURLToPath(new URL("./simulators/gaussian.py", import.meta.url))],
  prior: uniform({ mu: [-3, 3], sigma: [0.5, 2] }),
  xShape: [3],
});

const simulations = await simulate(simulator, {
  n: 5000,
  seed: "python",
  onProgress: ({ done, total }) => process.stderr.write(`\rsimulated ${done} of ${total}`),
});
process.stderr.write("\n");
await using estimator = await train(aalr(simulations), { seed: "python" });
const target = posterior(estimator, { observed: [0.3, 1.9, 0.8] });
console.log(String(summary(await sample(hmc(target), { seed: "python" }))));
