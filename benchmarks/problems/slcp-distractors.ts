/**
 * `slcp` with its eight numbers hidden among ninety-two that say nothing: a hundred columns in a fixed random order.
 *
 * The distractors are one draw of a mixture of 20 equally likely multivariate Student t laws (2 degrees of freedom, 92
 * dimensions, `loc + L z / sqrt(g)`, `g ~ Gamma(1, 1)`, `z` normal). Whatever theta, their law is the same, so the exact
 * posterior is that of `slcp` given the eight.
 *
 * Mixture and order are sbibm's, bit for bit in the order and within rounding in the mixture: NumPy's numbers of seed 42
 * give first the 20 centres, 15 times a normal; then per component the factor `L`, three times the lower triangle of
 * normals with `exp` of a normal added on the diagonal; then the permutation. Some of those diagonals are negative: the
 * density takes their absolute value. Random triangles of this size are ill-conditioned by factors of 1e20 and more, so
 * rounding alone, to float64 and more so to the float32 of sbibm's observations, lowers the log density of distractors
 * by hundreds of nats. It is the same for every theta, and part of `logLikelihood` and `logEvidence` alike.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488, section 4.1
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.4; https://github.com/sbi-benchmark/sbibm
 * @module
 */
import { dot, multiplyLower, solveLower } from "../../src/core/linalg.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { foldIn, type Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { logGamma, logSumExp } from "../../src/core/special.js";
import { defineSimulator } from "../../src/simulator.js";
import { numpyRandom } from "../numpy-random.js";
import { observationList, type Problem } from "../problem.js";
import { problem as slcp } from "./slcp.js";

const informative = 8;
const distractors = 92;
const width = informative + distractors;
const components = 20;
const df = 2;

/** One law of the mixture. */
export interface Component {
  /** `[D]`. */
  readonly centre: Float64Array;
  /** Lower triangular, `[D, D]`. */
  readonly factor: Float64Array;
  /** `log |det factor|`. */
  readonly logDet: number;
}

/** The mixture, and the order of the columns: column `i` holds number `order[i]` of the eight and then the others. */
export interface Distractors {
  readonly mixture: readonly Component[];
  readonly order: Int32Array;
}

let made: Distractors | undefined;

/** Made at the first call, in some 20 ms. */
export function distractorLaw(): Distractors {
  made ??= makeDistractors();
  return made;
}

function makeDistractors(): Distractors {
  const numbers = numpyRandom(42);
  const centres = Array.from({ length: components }, () =>
    numbers.normals(distractors).map((value) => 15 * value),
  );
  const mixture = centres.map((centre) => {
    const factor = numbers.normals(distractors ** 2).map((value, at) => {
      const isAbove = at % distractors > Math.floor(at / distractors);
      return isAbove ? 0 : 3 * value;
    });
    let logDet = 0;
    numbers.normals(distractors).forEach((value, i) => {
      factor[i * (distractors + 1)] += 3 * Math.exp(value);
      logDet += Math.log(Math.abs(factor[i * (distractors + 1)]));
    });
    return { centre, factor, logDet };
  });
  return { mixture, order: numbers.permutation(width) };
}

/** The eight and then the ninety-two, in the order of the columns. */
function mix(first: ArrayLike<number>, rest: ArrayLike<number>, out: Float64Array): Float64Array {
  const { order } = distractorLaw();
  for (let i = 0; i < width; i++) {
    out[i] = order[i] < informative ? first[order[i]] : rest[order[i] - informative];
  }
  return out;
}

/** Back in the order before the columns were mixed, `[100]`. */
function unmix(x: ArrayLike<number>): Float64Array {
  const out = new Float64Array(width);
  distractorLaw().order.forEach((place, i) => {
    out[place] = x[i];
  });
  return out;
}

const theEight = (x: ArrayLike<number>) => unmix(x).subarray(0, informative);

/** Log density, nats, of an even mixture of Student t laws of 2 degrees of freedom at `x`, `[D]`. */
export function logMixture(mixture: readonly Component[], x: Float64Array): number {
  const dim = x.length;
  const constant = logGamma((df + dim) / 2) - logGamma(df / 2) - (dim / 2) * Math.log(df * Math.PI);
  const terms = mixture.map(({ centre, factor, logDet }) => {
    const z = solveLower(
      factor,
      x.map((value, j) => value - centre[j]),
    );
    return constant - logDet - ((df + dim) / 2) * Math.log1p(dot(z, z) / df);
  });
  return logSumExp(terms) - Math.log(mixture.length);
}

const logNoise = (x: ArrayLike<number>) =>
  logMixture(distractorLaw().mixture, unmix(x).subarray(informative));

/** `[N, 5] -> [N, 100]`. */
export const simulator = defineSimulator({
  name: "slcp_distractors",
  prior: slcp.simulator.prior,
  xShape: [width],
  async runBatch(theta: Matrix, keys: readonly Key[]) {
    const { mixture } = distractorLaw();
    const points = (await slcp.simulator.simulate(theta, keys)).x;
    const x = matrix(theta.rows, width);
    const rest = new Float64Array(distractors);
    for (let i = 0; i < theta.rows; i++) {
      const rng = stream(foldIn(keys[i], 0)); // the key itself made the eight
      const { centre, factor } = mixture[rng.integer(components)];
      const stretch = 1 / Math.sqrt(rng.gamma(df / 2, 2 / df));
      multiplyLower(factor, rng.normals(distractors), rest);
      for (let j = 0; j < distractors; j++) rest[j] = centre[j] + stretch * rest[j];
      mix(row(points, i), rest, row(x, i));
    }
    return x;
  },
});

/** The distractors of sbibm's observations 1 to 3, before the columns were mixed. */
const observedNoise = [
  [
    -10.09448, -12.581524, -18.428486, -47.83357, -81.68816, 29.395075, -75.65134, -35.693996, 5.237772,
    46.813725, -33.984577, 19.562742, -61.497875, 32.517273, 83.55713, -8.37021, 36.280495, -22.893969,
    67.27135, 74.251755, -67.9851, 78.22429, 35.331844, -79.734665, -6.868362, -110.25067, -78.32788,
    -27.125841, 17.018816, 14.431202, 9.588209, -67.01942, 19.187525, 385.10355, -112.102516, -44.683464,
    -20.674372, 95.868256, -53.97667, 122.823166, -62.345306, 2.8041465, 118.24041, -42.870472, -111.08592,
    -45.086143, 3.1666663, -121.075356, -12.678788, 58.22745, -10.590089, -48.29132, 69.45191, 146.29234,
    48.485554, -162.13936, -2.9170897, -62.24843, 54.03682, -22.492027, -21.839827, 62.488945, 80.61907,
    49.07796, -19.491358, 12.451546, 23.009779, -27.483328, 115.96121, 128.1089, 36.143417, -87.48924,
    61.27503, 80.616554, 167.05466, -37.90078, 2.7012832, -112.27578, 153.59654, -60.45943, -113.94097,
    -90.91423, 177.97679, 24.236076, -151.0377, 181.59402, -115.6545, -30.129011, -112.77521, -88.41149,
    -2.0567365, 186.3353,
  ],
  [
    26.158108, -1.381683, -12.474278, 2.056752, -10.267926, -8.6144495, 8.837234, 15.430292, -10.797357,
    -12.569573, -8.473107, -40.073734, -32.155598, 23.71402, 25.17439, -10.809018, 13.106661, 2.751105,
    40.360126, 20.280762, -3.9679153, -12.92148, -34.40349, 1.750529, -5.172467, -10.092969, -1.1022401,
    -24.870327, 29.281822, 19.609035, 11.364062, 29.9688, 3.8840086, 9.688643, 47.41553, 26.342144,
    -31.268555, -2.5396662, -20.127733, -17.553616, 0.8880922, 15.137889, -24.335539, -8.290242, -9.389283,
    -8.650608, -3.576702, -18.646898, 31.196709, 26.412218, -40.646404, 0.06875479, 15.561905, -1.351792,
    -27.257929, 10.788096, -18.551292, -13.347011, 16.070908, 26.947376, -88.41435, 45.72654, -22.056887,
    18.50072, -32.122547, -1.1168771, -46.663193, 10.643469, -28.492352, 0.60246074, -1.6818079, -54.082188,
    4.5973725, -21.504587, 13.78051, -14.37129, -37.996986, -17.34413, 58.384644, -20.417377, 3.106191,
    -58.84052, -0.93152523, 25.63044, -14.766228, -18.793262, -30.89205, 20.813038, 26.213985, 29.090782,
    53.788525, 10.822093,
  ],
  [
    10.765528, -29.834259, 37.897575, -12.749957, 7.9624496, 6.5204616, 21.673088, 23.740852, 3.1649394,
    -5.493066, -7.461251, -2.4982035, 31.987211, 16.013163, -13.259918, 29.9626, -31.345003, -41.81029,
    36.398403, -34.91652, -2.4585474, 15.490363, 50.141533, 19.528782, -2.5672936, -12.828581, -29.068703,
    60.455925, -4.099437, -17.731007, 50.250023, -23.064444, 5.556955, 9.832526, 1.0352088, 20.171953,
    -16.841368, 9.94681, 35.722248, 11.314674, 44.37119, 45.638126, -17.215515, -2.0324066, -9.553223,
    -25.734129, 56.33749, -49.72186, -22.401049, 8.658545, -6.0394535, -20.262875, -2.8309953, -23.639399,
    6.536381, 8.248708, -42.52767, 1.8071662, 26.410269, 16.191502, -50.98581, -20.279284, 23.3147, -12.87143,
    20.256807, -21.636688, -24.959314, -7.6987314, -33.636425, 60.221542, 37.698498, -21.644917, 21.857864,
    26.971422, -24.676115, -1.6757321, -2.1064413, 5.0332956, -23.276148, -15.812387, 27.523916, -23.179207,
    -4.13466, -58.15547, -46.455414, -3.154848, -28.133718, -4.238261, 9.234786, -11.103534, 35.54816,
    12.902964,
  ],
];

const noises = observationList(
  "slcp_distractors",
  observedNoise.map((x, i) => ({ x, theta: Array.from(slcp.trueParameters(i + 1) ?? []) })),
);

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "slcp_distractors",
  title: "slcp, its eight numbers hidden among ninety-two that say nothing",
  source: "Greenberg et al. (2019), https://arxiv.org/abs/1905.07488; mixture and observations of sbibm",
  simulator,
  ...noises,
  observation: (k) => mix(slcp.observation(k), noises.observation(k), new Float64Array(width)),
  publishedAs: "slcp",
  logLikelihood(theta, x) {
    const noise = logNoise(x);
    return slcp.logLikelihood(theta, theEight(x)).map((value) => value + noise);
  },
  logEvidence: (x) => (slcp.logEvidence?.(theEight(x)) ?? Number.NaN) + logNoise(x),
  likelihoodGradient: (theta, x) => slcp.likelihoodGradient?.(theta, theEight(x)) as Matrix,
  exactPosterior: (x, n, key) => slcp.exactPosterior(theEight(x), n, key),
};
