/**
 * galton: inference for simulators whose likelihood cannot be written down. Everything public, in the order
 * of an analysis.
 *
 * @module
 */

// Posteriors
export * from "../samplers/index.js";
export { type AbcChains, type AbcMcmcOptions, abcMcmc } from "./abc/abc-mcmc.js";
export type { AbcOptions, AbcSample } from "./abc/abc-run.js";
export { type AdjustedDraws, type AdjustOptions, adjustByRegression } from "./abc/adjust.js";
export type { DataSummary, Distance, DistanceChoice } from "./abc/distance.js";
export {
  type AbcDraws,
  type EpsilonOptions,
  type QuantileOptions,
  rejectionAbc,
} from "./abc/rejection.js";
export { resampleDraws } from "./abc/resample-draws.js";
export {
  type SemiAutomatic,
  type SemiAutomaticOptions,
  semiAutomaticSummary,
} from "./abc/semi-automatic.js";
export {
  type SmcAbcOptions,
  type SmcAbcProgress,
  type SmcAbcResult,
  type SmcAbcStage,
  type SmcAbcStop,
  smcAbc,
} from "./abc/smc-abc.js";
// Trust
export {
  type CalibrateRatioOptions,
  calibrateByGold,
  calibrateRatio,
} from "./calibration/calibrate-ratio.js";
export {
  type Calibrated,
  type CalibratedRatio,
  type CalibrationRecord,
  calibratedRatio,
  type RatioFunction,
} from "./calibration/calibrated-ratio.js";
export type {
  CalibrationMap,
  CalibrationMethod,
  CalibrationOptions,
  FittedCalibration,
} from "./calibration/calibration-map.js";
export {
  type CalibrationSet,
  calibrationSet,
  type EvidenceOptions,
  type EvidenceSet,
  evidenceSet,
  type JointPairs,
  type LabelledSimulations,
  type ReferenceSet,
  type ReferenceSimulations,
  referenceSet,
  splitForCalibration,
} from "./calibration/calibration-set.js";
export { type CriticOptions, type CriticTest, criticTest } from "./calibration/critic.js";
export {
  credibilitiesFromDraws,
  credibilitiesFromRatios,
  type ExpectedCoverage,
  expectedCoverage,
} from "./calibration/expected-coverage.js";
export { type IsotonicBlock, isotonicBlocks } from "./calibration/isotonic.js";
export {
  type DrawnPairs,
  type LocalC2st,
  type LocalC2stOptions,
  localC2st,
  type ObservedDraws,
} from "./calibration/local-c2st.js";
export { type PredictiveCheck, predictiveCheck } from "./calibration/predictive-check.js";
export {
  expectationsAt,
  type ObservableRatio,
  observableCheck,
  type ReferenceSpread,
  referenceSpread,
} from "./calibration/ratio-checks.js";
export { type Ranks, type SbcTest, sbcRanks, sbcTest } from "./calibration/sbc.js";
export type { ExpectationScale } from "./calibration/smooth-maps.js";
export { type Tarp, type TarpOptions, tarp } from "./calibration/tarp.js";
export { type Typicality, typicality, typicalityIn } from "./calibration/typicality.js";
// Simulators and simulations
export { type CommandOptions, type CommandSimulator, commandSimulator } from "./command-simulator.js";
// Numbers
export type {
  Bijection,
  Gold,
  LogDensity,
  LogProbAndGradient,
  LongTask,
  Prior,
  PriorSpec,
} from "./core/contracts.js";
export { beta, uniformOn } from "./core/distributions/beta.js";
export { bernoulli, binomial, categorical, poisson } from "./core/distributions/counts.js";
export type {
  ContinuousDistribution,
  DiscreteDistribution,
  Distribution,
  MultivariateDistribution,
  ScalarDistribution,
} from "./core/distributions/distribution.js";
export { chiSquared, exponential, gamma } from "./core/distributions/gamma.js";
export { mixture } from "./core/distributions/mixture.js";
export { multivariateNormal } from "./core/distributions/multivariate-normal.js";
export { logNormal, normal } from "./core/distributions/normal.js";
export { studentT } from "./core/distributions/student-t.js";
export { truncated, truncatedNormal } from "./core/distributions/truncated.js";
export * from "./core/errors.js";
export { fromRows, type Matrix, matrix, row, takeRows, toRows } from "./core/matrix.js";
export { foldIn, type Key, key, type Rng, split, stream } from "./core/random.js";
export type { Dataset } from "./dataset/dataset.js";
export { readDataset, writeDataset } from "./dataset/files.js";
export { datasetFrom } from "./dataset/from.js";
export type { GoldDataset, ScoreDataset } from "./dataset/gold.js";
export { type ReadGoldOptions, readGold, readScores } from "./dataset/gold-files.js";
export { applyStandardiser, fitStandardiser, type Standardiser } from "./dataset/standardise.js";
export { type OpenDatasetOptions, openDataset, type StoredDataset } from "./dataset/stored.js";
export { type DirectPosterior, directDraws } from "./direct-posterior.js";
// Estimators
export { bindLayers } from "./engine/layers.js";
export { describeEngines, openEngine } from "./engine/open.js";
export type { Engine, EngineName } from "./engine/types.js";
export { type AalrOptions, aalr } from "./estimators/aalr.js";
export { type AalrLrtOptions, aalrLrt } from "./estimators/aalr-lrt.js";
export { type AptOptions, apt } from "./estimators/apt.js";
export { type AptMixtureOptions, aptMixture, type MixtureRows } from "./estimators/apt-mixture.js";
export {
  type AnyEstimator,
  type LoadOptions,
  loadAnyEstimator,
  loadEstimator,
  loadLikelihoodEstimator,
  loadPosteriorEstimator,
  loadScoreEstimator,
  saveEstimator,
} from "./estimators/file.js";
export {
  alice,
  alices,
  carl,
  cascal,
  type GoldOptions,
  type GoldScoreOptions,
  rascal,
  rolr,
} from "./estimators/gold.js";
export type { MeanCheck, RatioCheck, RatioExpectations } from "./estimators/gold-checks.js";
export type { GoldRecord, MorphingRecord } from "./estimators/gold-record.js";
export type { TargetCounts } from "./estimators/gold-targets.js";
export type { LikelihoodEstimator, LikelihoodHeader, ObservedLikelihood } from "./estimators/likelihood.js";
export { type NleOptions, nle, type ScandalOptions, scandal, simulatedPairs } from "./estimators/nle.js";
export { type NpeOptions, npe } from "./estimators/npe.js";
export type { PosteriorEstimator, PosteriorHeader } from "./estimators/posterior.js";
export type { NamedRatio, ObservedRatio, RatioEstimator } from "./estimators/ratio.js";
export type { RatioOnnxOptions } from "./estimators/ratio-onnx.js";
export { type SallyOptions, sally } from "./estimators/sally.js";
export type { ScoreEstimator, ScoreHeader } from "./estimators/score.js";
export { type ImportanceWeights, importanceWeights, type SnpeBOptions, snpeB } from "./estimators/snpe-b.js";
export { type LogEvidence, type LogEvidenceOptions, logEvidence, type ReferredRatio } from "./evidence.js";
// Where jobs run
export { type BullmqOptions, bullmq, type FarmExecutor, type FarmStatus } from "./executor/bullmq.js";
export { type FarmWorker, startWorker, type WorkerOptions } from "./executor/bullmq-worker.js";
export { type Executor, type Job, runAll } from "./executor/executor.js";
export { inline } from "./executor/inline.js";
export type { RedisAddress } from "./executor/redis.js";
export { type ThreadsOptions, threads } from "./executor/threads.js";
export { type CategoricalDensityOptions, categoricalDensity } from "./flows/categorical-density.js";
// Conditional densities
export type { ConditionalDensity, DensitySpec } from "./flows/density.js";
export { conditionalDensity } from "./flows/from-spec.js";
export { type MafOptions, maf } from "./flows/maf.js";
export {
  type MixtureComponents,
  type MixtureDensity,
  type MixtureDensityOptions,
  mixtureDensity,
} from "./flows/mixture-density.js";
export { type NsfOptions, nsf } from "./flows/nsf.js";
export { type RealNvpOptions, realNvp } from "./flows/real-nvp.js";
export type { FlowOptions, Mixing } from "./flows/stack.js";
export { type LikelihoodCard, type LikelihoodCardOptions, likelihoodCard } from "./likelihood-card.js";
export { type EventRate, type RateRatio, rateRatio } from "./local/event-rate.js";
export { type FisherInformation, type FisherOptions, fisherInformation } from "./local/fisher.js";
export { type GaussianProcess, gaussianProcess } from "./local/gaussian-process.js";
export { type LocalLimits, type LocalLimitsOptions, localLimits } from "./local/limits.js";
export { type LocalModel, type LocalRatio, localModel } from "./local/local-model.js";
export { type InterpolatedRatio, type PointByPoint, pointByPoint } from "./local/point-by-point.js";
export { type Sallino, type SallinoOptions, sallino } from "./local/sallino.js";
// Inference near a reference point
export type { CalibrationTerm } from "./losses/calibration.js";
// Scores
export { type AucWithError, rocAucWithError } from "./metrics/auc-error.js";
export { type Bootstrap, type BootstrapOptions, bootstrap } from "./metrics/bootstrap.js";
export { type C2st, c2st } from "./metrics/c2st.js";
export { type ClassifierAuc, classifierAuc } from "./metrics/classifier-auc.js";
export {
  logRatioMse,
  type MeanScore,
  type NormalisedLogRatios,
  negativeLogProbTruth,
  normaliseLogRatios,
} from "./metrics/log-prob-truth.js";
export { type Mmd, mmd } from "./metrics/mmd.js";
export {
  type PairedComparison,
  type PairedComparisonOptions,
  type PairedScores,
  pairedComparison,
} from "./metrics/paired-comparison.js";
export { rocAuc } from "./metrics/roc-auc.js";
export { type SlicedWasserstein, slicedWasserstein } from "./metrics/sliced-wasserstein.js";
export { type SignedRank, wilcoxonSignedRank } from "./metrics/wilcoxon.js";
export type { Embedding, EmbeddingSpec } from "./nets/embedding.js";
export { type ConvolutionEmbeddingOptions, convolutionEmbedding } from "./nets/embeddings/convolution.js";
export { embeddingFromSpec } from "./nets/embeddings/from-spec.js";
export { type GruEmbeddingOptions, gruEmbedding } from "./nets/embeddings/gru.js";
export { layersEmbedding } from "./nets/embeddings/layers.js";
export { type MlpEmbeddingOptions, mlpEmbedding } from "./nets/embeddings/mlp.js";
export { type SetEmbeddingOptions, setEmbedding } from "./nets/embeddings/set.js";
export type { MorphingOptions } from "./nets/morphing.js";
export { type MorphingBasis, morphingBasis } from "./nets/morphing-basis.js";
export type { RatioNetworkSpec } from "./nets/ratio-network.js";
export type { Structure } from "./nets/structure.js";
export type { TrunkSpec } from "./nets/trunk.js";
export { type PosteriorOptions, posterior } from "./posterior.js";
export { type PosteriorCard, type PosteriorCardOptions, posteriorCard } from "./posterior-card.js";
export {
  type ModeEachOptions,
  modeEach,
  type PosteriorsOptions,
  posteriors,
  type SampleEachOptions,
  sampleEach,
} from "./posteriors.js";
// Priors
export { priorFromSpec } from "./prior/from-spec.js";
export { independent, truncatedPrior } from "./prior/independent.js";
export { joined } from "./prior/joined.js";
export { normalPrior } from "./prior/normal-prior.js";
export { type Bounds, uniform } from "./prior/uniform.js";
// Programs: simulators that give gold
export { defineProgram, type Program, type ProgramDefinition } from "./program/program.js";
export { type Drawable, type Path, pathAddresses, type Trace } from "./program/trace.js";
// Reports
export { cornerFigure } from "./report/figures/corner.js";
export { coverageFigure } from "./report/figures/coverage.js";
export { curvesFigure } from "./report/figures/curves.js";
export { dotsFigure } from "./report/figures/dots.js";
export { intervalsFigure } from "./report/figures/intervals.js";
export { marginalsFigure } from "./report/figures/marginals.js";
export { multiplesFigure } from "./report/figures/multiples.js";
export { predictiveFigure } from "./report/figures/predictive.js";
export { runningFigure } from "./report/figures/running.js";
export { sbcFigure } from "./report/figures/sbc.js";
export { traceFigure } from "./report/figures/trace.js";
export { trainingFigure } from "./report/figures/training.js";
export {
  type ReportContent,
  type ReportFigure,
  type ReportSection,
  type ReportTable,
  reportPage,
} from "./report/page.js";
export { svgToPng } from "./report/png.js";
export {
  chainsSection,
  posteriorSection,
  summaryTable,
  trainingSection,
  trustSection,
} from "./report/sections.js";
export { writeReport } from "./report/write.js";
export { type ReportCard, type ReportCardOptions, reportCard } from "./report-card.js";
export { type SampleOnWorkersOptions, sampleOnWorkers } from "./sample-on-workers.js";
export { type ModuleSampler, type SamplerModule, samplerModule } from "./sampler-module.js";
export type { Gaussian, GaussianMixture } from "./sequential/gaussian-mixture.js";
export type { AptRoundsOptions, SequentialMethod, SequentialMethods } from "./sequential/methods.js";
export type { RoundRecord, RoundsOptions, RoundsResult } from "./sequential/rounds.js";
export {
  type SequentialRounds,
  type SequentialRoundsOptions,
  sequentialRounds,
} from "./sequential/sequential-rounds.js";
export type { SnpeAOptions } from "./sequential/snpe-a.js";
export {
  type TruncatedRounds,
  type TruncatedRoundsOptions,
  truncatedRounds,
} from "./sequential/truncated-rounds.js";
export {
  type SimulateOptions,
  type SimulateToFolderOptions,
  simulate,
  simulateToFolder,
} from "./simulate.js";
export {
  type SimulateGoldOptions,
  type SimulateScoreOptions,
  simulateGold,
  simulateScore,
} from "./simulate-gold.js";
export { type Batch, defineSimulator, type Simulator } from "./simulator.js";
export { type SimulatorModule, simulatorModule } from "./simulator-module.js";
export { type EpochRecord, skippedSteps, type TrainingLog, trainingWarnings } from "./train/log.js";
export type { TrainOptions, TrainProgress } from "./train/options.js";
export { train } from "./train/train.js";
// Variational inference
export type { FitLog, VariationalProgress } from "./variational/fit.js";
export {
  type VariationalOptions,
  type VariationalPosterior,
  variational,
} from "./variational/variational.js";
