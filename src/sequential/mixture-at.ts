/**
 * The mixture that a trained mixture density network is at one observation.
 *
 * @module
 */
import { fromRows } from "../core/matrix.js";
import { applyTailMaps } from "../dataset/tail-maps.js";
import { unpack } from "../engine/packing.js";
import type { Engine } from "../engine/types.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import { toStandardised } from "../estimators/ratio-evaluator.js";
import { mixtureDensity } from "../flows/mixture-density.js";
import type { Embedding } from "../nets/embedding.js";
import type { Gaussian, GaussianMixture } from "./gaussian-mixture.js";

/** The mixture that a network gives at one observation, on the scale of `theta`; of an ensemble, that of all its members. */
export async function mixtureAt(
  estimator: PosteriorEstimator,
  observed: ArrayLike<number>,
  engine: Engine,
  embedding?: Embedding,
): Promise<GaussianMixture> {
  const members: GaussianMixture[] = [];
  for (const packed of estimator.weights) {
    members.push(await memberAt(estimator, packed, observed, engine, embedding));
  }
  const share = Math.log(members.length);
  return {
    logWeights: Float64Array.from(
      members.flatMap(({ logWeights }) => [...logWeights].map((log) => log - share)),
    ),
    components: members.flatMap(({ components }) => components),
  };
}

async function memberAt(
  { header }: PosteriorEstimator,
  weights: Float32Array,
  observed: ArrayLike<number>,
  engine: Engine,
  embedding?: Embedding,
): Promise<GaussianMixture> {
  const { density: spec, transforms, names } = header;
  const { kind: _, ...options } = spec;
  const dim = names.length;
  const density = mixtureDensity(options, dim, embedding?.features ?? observed.length);
  const parameters = [...density.parameters, ...(embedding?.parameters ?? [])];
  const compiled = await engine.compile(
    (tf, { packed, context }) => {
      const tensors = unpack(tf, packed, parameters);
      const features = embedding ? embedding.apply(tf, tensors, context) : context;
      const { logWeights, means, factors } = density.components(tf, tensors, features);
      return { logWeights, means, factors };
    },
    { packed: { shape: [weights.length] }, context: { shape: [1, observed.length] } },
    { constants: { packed: weights } },
  );
  try {
    const context = toStandardised(applyTailMaps(fromRows([observed]), transforms.tails), transforms.x);
    const { logWeights, means, factors } = await compiled.run({ context });
    const { center, scale } = transforms.u;
    const components = Array.from(logWeights, (_, k): Gaussian => {
      const factor = (i: number, j: number) => factors[(k * dim + i) * dim + j];
      const precision = new Float64Array(dim * dim);
      for (let i = 0; i < dim; i++) {
        for (let j = 0; j < dim; j++) {
          let sum = 0;
          for (let l = 0; l < dim; l++) sum += factor(l, i) * factor(l, j);
          precision[i * dim + j] = sum / scale[i] / scale[j];
        }
      }
      return {
        mean: Float64Array.from(center, (value, j) => value + scale[j] * means[k * dim + j]),
        precision,
      };
    });
    return { logWeights: Float64Array.from(logWeights), components };
  } finally {
    await compiled.dispose();
  }
}
