/**
 * Samplers and their diagnostics: useful with any log density, learned or exact.
 *
 * Which one? `hmc` for many chains (32 or more) of a differentiable target that start by resampling from the prior, its
 * trajectories cost least. `nuts` for a differentiable target with few chains, or where `hmc` leaves R-hat or divergences;
 * `nuts(target, { adaptation: "stan" })` where chains start far from the target. `slice` without a gradient, where the
 * target has one mode or each mode a start: nothing to tune, about five evaluations per parameter and draw. `metropolis`
 * without a gradient where modes are separated, or evaluations are dear: one per draw, and proposals that jump.
 * `importance` needs no chain: it weights draws of a learned posterior, or of a mixture that it fits, and estimates the evidence.
 *
 * `mala` where one gradient per draw is all that can be paid, and thinning makes up for it.
 *
 * `stretch` and `differentialEvolution` where scales are unknown and there are few parameters; the second also for separated
 * modes that walkers start in. Their chains are walkers of a few ensembles, which is what R-hat and ESS then count.
 *
 * `smc` where the evidence is wanted, or the prior is too wide for its draws to find the posterior: particles come to it
 * step by step. `parallelTempering` where modes are separated, and each chain shall visit all of them. Both give `evidence`
 * and need a target with a `start` that is normalised, as `posterior` has in its prior.
 *
 * `rejection` where independent draws are wanted and the posterior is not much narrower than the prior, or there is a proposal
 * close to it. `grid` for up to three parameters: exact but for the cells, the yardstick of all others.
 *
 * @module
 */
export { type Checkpoint, checkpointFromJson, checkpointToJson } from "./checkpoint.js";
export { autocorrelation } from "./diagnostics/autocovariance.js";
export { essBulk, essMean, essQuantile, essSd, essTail } from "./diagnostics/ess.js";
export { type GroupedEss, groupedEss } from "./diagnostics/groups.js";
export { bfmi, hdi } from "./diagnostics/intervals.js";
export { mcseMean, mcseQuantile, mcseSd } from "./diagnostics/mcse.js";
export { type ParetoSmoothed, psis } from "./diagnostics/psis.js";
export { nestedRhat, type RhatMethod, rhat } from "./diagnostics/rhat.js";
export { type RunningDiagnostics, runningDiagnostics } from "./diagnostics/running.js";
export { type DifferentialEvolutionOptions, differentialEvolution } from "./differential-evolution.js";
export { chainStatistic, chainValues, concatenate, type Draws, drawsMatrix, thinDraws } from "./draws.js";
export { type Evidence, evidence } from "./evidence.js";
export { type GridDensity, type GridOptions, grid } from "./grid.js";
export { type HmcOptions, type HmcTuning, hmc } from "./hmc.js";
export { type ImportanceOptions, importance, type WeightedDraws } from "./importance-sampling.js";
export { drawsFromArrow, drawsToArrow } from "./interchange/arrow.js";
export { drawsToCsv, writeChunks } from "./interchange/csv.js";
export { drawsFromJson, drawsToJson } from "./interchange/json.js";
export { drawsFromNetCdf, drawsToNetCdf, type NetCdfOptions } from "./interchange/net-cdf.js";
export { drawsFromParquet, drawsToParquet } from "./interchange/parquet.js";
export { fromStanCsv, toStanCsv } from "./interchange/stan-csv.js";
export type { Kernel, Sampler } from "./kernel.js";
export { type MalaOptions, mala } from "./mala.js";
export { type MetropolisOptions, metropolis } from "./metropolis.js";
export { type Mode, type ModeOptions, mode } from "./mode.js";
export { type NutsOptions, type NutsTuning, nuts } from "./nuts.js";
export { type ParallelTemperingOptions, parallelTempering } from "./parallel-tempering.js";
export type { Proposal } from "./proposal.js";
export { type RejectionDraws, type RejectionOptions, rejection } from "./rejection.js";
export type { StopRule } from "./running/watch.js";
export { type SampleOptions, type SamplingProgress, sample } from "./sample.js";
export { type SampleChunksOptions, sampleChunks } from "./sample-chunks.js";
export { type SliceOptions, type SliceTuning, slice } from "./slice.js";
export { type SmcOptions, smc } from "./smc.js";
export { type StretchOptions, stretch } from "./stretch.js";
export { formatSummary, type Summary, type SummaryRow, summary } from "./summary.js";
export { table } from "./table.js";
export { type BatchDensity, logDensity, type RowDensity } from "./target.js";
