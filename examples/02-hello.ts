/**
 * The smallest whole analysis: a simulator, a prior, an observation; simulate, train, sample, look.
 *
 * Question: ten numbers were measured; which mean and spread do they come from?
 * Expected: mu = 1.0 +- 0.2, sigma = 0.55 +- 0.15 or so, as textbook statistics has it for ten normal draws with mean
 * 1.0 and standard deviation 0.50. About twenty seconds.
 */
import {
  aalr,
  defineSimulator,
  hmc,
  posterior,
  sample,
  simulate,
  summary,
  train,
  uniform,
} from "../src/index.js";

const simulator = defineSimulator({
  prior: uniform({ mu: [-3, 3], sigma: [0.1, 2] }),
  xShape: [10],
  run: ({ mu, sigma }, rng) => rng.normals(10, mu, sigma),
});

const observed = [0.9, 1.4, 1.1, 0.2, 1.8, 1.0, 0.7, 1.3, 0.5, 1.6]; // what was measured

const simulations = await simulate(simulator, { n: 10_000, seed: "hello" });
const estimator = await train(aalr(simulations), { seed: "hello" });
const target = posterior(estimator, { observed });
const draws = await sample(hmc(target), { chains: 100, warmup: 200, draws: 100, seed: "hello" });

console.log(String(summary(draws))); // mean, sd, 5 %, 50 %, 95 %, R-hat, ESS, MCSE per parameter
await estimator.dispose();
