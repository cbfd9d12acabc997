/**
 * From weights trained on gold to an estimator with its record: how it was learned, what was unusual about the targets,
 * and what held-out rows say of it.
 *
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { takeRows } from "../core/matrix.js";
import type { GoldDataset } from "../dataset/gold.js";
import { type GoldMethod, goldLosses } from "../losses/gold.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { type MorphingNetwork, type MorphingOptions, numeratorFloor } from "../nets/morphing.js";
import type { RatioNetworkSpec } from "../nets/ratio-network.js";
import { type Structure, takesPairs } from "../nets/structure.js";
import { fewestPairs, reportCard } from "../report-card.js";
import { trainingWarnings } from "../train/log.js";
import type { TrainedMembers } from "../train/objective.js";
import type { RatioTransforms } from "./aalr.js";
import { expectationWarnings, type RatioExpectations, ratioExpectations } from "./gold-checks.js";
import { type TargetCounts, targetWarnings } from "./gold-targets.js";
import { type RatioEstimator, type RatioHeader, ratioEstimator } from "./ratio.js";
import { ratioEvaluator, toStandardised } from "./ratio-evaluator.js";

/** How a ratio was learned from gold, and what its targets and its checks look like; plain JSON. */
export interface GoldRecord {
  readonly structure: Structure;
  /** Of `"morphing"`: the polynomial, how well its basis is conditioned, and how often its numerator was floored. */
  readonly morphing?: MorphingRecord;
  /** Weight of the score term that was used; 0 without one. */
  readonly alpha: number;
  readonly targets: TargetCounts;
  /** On the validation rows of training, which also chose the epoch. */
  readonly expectations: RatioExpectations;
  readonly warnings: readonly string[];
}

/** A polynomial model as it was learned; plain JSON. */
export interface MorphingRecord extends MorphingOptions {
  /** Condition number of the basis points in standardised parameters; none in quadratic form. */
  readonly condition?: number;
  /** Share of held-out rows where the numerator of the ratio came out below its floor. */
  readonly floored: number;
}

/** What the objective leaves beside the weights. */
export interface GoldTransforms extends RatioTransforms {
  readonly alpha: number;
  readonly targets: TargetCounts;
  readonly thetaRef: readonly number[];
}

/** Wraps trained members as an estimator and checks it on the rows they were not trained on. */
export async function assembleGold(
  members: TrainedMembers,
  simulations: GoldDataset,
  made: {
    readonly method: GoldMethod;
    readonly network: RatioNetworkSpec;
    readonly structure: Structure;
    readonly embedding?: Embedding;
    readonly morphing?: { readonly options: MorphingOptions; readonly network: MorphingNetwork };
  },
): Promise<RatioEstimator> {
  const { method, network, structure, embedding, morphing } = made;
  const { names, xShape, proposal } = simulations;
  const { alpha, targets, thetaRef, theta, x } = members.transforms as GoldTransforms;
  const polynomial = morphing && {
    ...morphing.options,
    ...(morphing.network.condition !== undefined && { condition: morphing.network.condition }),
    floored: await flooredShare(members, simulations, morphing.network),
  };
  const gold = {
    structure,
    ...(polynomial && { morphing: polynomial }),
    alpha,
    targets,
    expectations: {},
    warnings: [] as string[],
  };
  const header: RatioHeader = {
    method,
    names,
    xShape,
    network,
    loss: { contrasts: 1, gamma: 1, balance: 0 },
    reference: { thetaRef },
    gold,
    transforms: { theta, x },
    logs: members.logs,
    embedding: embeddingRecord(embedding),
  };
  const { engine } = members;
  const estimator = ratioEstimator(header, members.weights, {
    engine,
    ...(proposal && { prior: proposal }),
    ...(embedding && { embedding }),
  });
  try {
    const expectations = await heldOutExpectations(estimator, simulations, members.heldOut);
    const card = await cardOf(estimator, simulations, members, proposal);
    const warnings = [
      ...(card.card ? [] : trainingWarnings(members.logs)), // a card tells them
      ...targetWarnings(goldLosses[method], targets),
      ...expectationWarnings(expectations),
      ...floorWarnings(polynomial),
    ];
    return { ...estimator, header: { ...header, gold: { ...gold, expectations, warnings }, ...card } };
  } catch (error) {
    await estimator.dispose();
    throw error;
  }
}

async function heldOutExpectations(
  estimator: RatioEstimator,
  simulations: GoldDataset,
  heldOut: Int32Array,
): Promise<RatioExpectations> {
  const [theta, thetaRef, x] = [simulations.theta, simulations.thetaRef, simulations.x].map((table) =>
    takeRows(table, heldOut),
  );
  const logRatio =
    estimator.header.gold && takesPairs(estimator.header.gold.structure)
      ? await estimator.logRatioBetween(theta, thetaRef, x)
      : await estimator.logRatio(theta, x);
  return ratioExpectations(
    logRatio,
    heldOut.map((i) => simulations.y[i]),
  );
}

/** Share of held-out rows, over all members, whose numerator lies below its floor. */
async function flooredShare(
  { engine, weights, heldOut, transforms }: TrainedMembers,
  { theta, x }: GoldDataset,
  { numerator }: MorphingNetwork,
): Promise<number> {
  if (heldOut.length === 0) return 0;
  const own = transforms as GoldTransforms;
  const inputs = [
    toStandardised(takeRows(theta, heldOut), own.theta),
    toStandardised(takeRows(x, heldOut), own.x),
  ] as const;
  let count = 0;
  for (const packed of weights) {
    const member = ratioEvaluator(engine, numerator, packed, theta.cols, x.cols);
    try {
      for (const value of await member.pairs(...inputs)) if (value <= numeratorFloor) count++;
    } finally {
      await member.dispose();
    }
  }
  return count / (heldOut.length * weights.length);
}

function floorWarnings(morphing: MorphingRecord | undefined): string[] {
  if (!morphing || morphing.floored === 0) return [];
  return [
    `The numerator of the ratio was below ${numeratorFloor} for ${(100 * morphing.floored).toPrecision(2)} % of the held-out rows and was ` +
      'held there. Other basis points may help; morphing: { form: "quadratic" } is never negative.',
  ];
}

/** The report card on the held-out rows that are joint draws of proposal and simulator: those with `y = 0`. */
async function cardOf(
  estimator: RatioEstimator,
  { theta, x, y }: GoldDataset,
  { heldOut, card }: TrainedMembers,
  proposal: Prior | undefined,
): Promise<Pick<RatioHeader, "card">> {
  const joint = heldOut.filter((i) => y[i] === 0);
  if (!proposal || card === false || joint.length < fewestPairs) return {};
  return {
    card: await reportCard(estimator, { theta: takeRows(theta, joint), x: takeRows(x, joint) }, card),
  };
}
