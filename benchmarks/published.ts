/**
 * Numbers that others published, to be drawn and tabled beside ours. Each list says whence it comes.
 *
 * @module
 */
import type { Measured } from "../src/report/table.js";

/** A published curve: mean C2ST by budget of simulations. */
export interface PublishedCurve {
  readonly label: string;
  /** Whether it spends its simulations in rounds, for one observation. */
  readonly isSequential: boolean;
  readonly points: readonly { readonly simulations: number; readonly c2st: number }[];
}

/** Where the curves of `publishedCurves` come from, for captions. */
export const curveSource =
  "NRE, NPE, NLE and their forms in rounds, SNRE, SNPE, SNLE: Lueckmann et al. (2021), mean of 10 observations; NRE-C: Miller et al. (2022), mean of all seeds and observations";

const budgets = [1000, 10_000, 100_000] as const;

/**
 * Mean C2ST with 1,000, 10,000 and 100,000 simulations: NLE, NPE, NRE and, in ten rounds, SNLE, SNPE and SNRE over 10
 * observations, from `main_paper.csv` of the results of the simulation-based inference benchmark (gaussian_mixture from its
 * run again after the repair of its simulator in version 1.1.0); NRE-C with 99 contrasts over all seeds and observations of
 * `infinite/fix-sbibm.csv` (its gaussian_mixture may be from before that repair).
 *
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, https://github.com/sbi-benchmark/results
 * @see Miller, Weniger and Forre (2022), https://arxiv.org/abs/2210.06170, https://github.com/bkmi/cnre
 */
const sbibm: Readonly<Record<string, Readonly<Record<string, readonly [number, number, number]>>>> = {
  bernoulli_glm: {
    NRE: [0.899, 0.812, 0.751],
    NPE: [0.863, 0.678, 0.559],
    NLE: [0.74, 0.605, 0.545],
    "NRE-C": [0.804, 0.695, 0.605],
    SNRE: [0.718, 0.584, 0.529],
    SNPE: [0.855, 0.614, 0.525],
    SNLE: [0.634, 0.554, 0.522],
  },
  bernoulli_glm_raw: {
    NRE: [0.915, 0.834, 0.777],
    NPE: [0.9, 0.765, 0.607],
    NLE: [0.87, 0.939, 0.951],
    "NRE-C": [0.928, 0.773, 0.636],
    SNRE: [0.88, 0.675, 0.553],
    SNPE: [0.906, 0.658, 0.607],
    SNLE: [0.99, 0.973, 0.987],
  },
  gaussian_linear: {
    NRE: [0.672, 0.56, 0.536],
    NPE: [0.695, 0.552, 0.506],
    NLE: [0.65, 0.555, 0.515],
    "NRE-C": [0.636, 0.558, 0.519],
    SNRE: [0.67, 0.536, 0.515],
    SNPE: [0.652, 0.544, 0.507],
    SNLE: [0.628, 0.548, 0.519],
  },
  gaussian_linear_uniform: {
    NRE: [0.788, 0.706, 0.631],
    NPE: [0.696, 0.553, 0.509],
    NLE: [0.723, 0.548, 0.506],
    "NRE-C": [0.727, 0.64, 0.552],
    SNRE: [0.681, 0.606, 0.536],
    SNPE: [0.631, 0.527, 0.507],
    SNLE: [0.657, 0.552, 0.509],
  },
  gaussian_mixture: {
    NRE: [0.777, 0.748, 0.735],
    NPE: [0.716, 0.615, 0.548],
    NLE: [0.74, 0.723, 0.69],
    "NRE-C": [0.749, 0.748, 0.736],
    SNRE: [0.673, 0.578, 0.531],
    SNPE: [0.669, 0.551, 0.536],
    SNLE: [0.706, 0.685, 0.646],
  },
  lotka_volterra: {
    NRE: [1.0, 0.998, 0.996],
    NPE: [0.999, 0.997, 0.981],
    NLE: [0.994, 0.956, 0.952],
    "NRE-C": [0.998, 0.984, 0.97],
    SNRE: [0.971, 0.848, 0.831],
    SNPE: [0.99, 0.953, 0.928],
    SNLE: [0.909, 0.738, 0.695],
  },
  sir: {
    NRE: [0.841, 0.77, 0.69],
    NPE: [0.815, 0.68, 0.585],
    NLE: [0.761, 0.748, 0.73],
    "NRE-C": [0.783, 0.723, 0.681],
    SNRE: [0.637, 0.646, 0.547],
    SNPE: [0.638, 0.561, 0.575],
    SNLE: [0.746, 0.745, 0.65],
  },
  slcp: {
    NRE: [0.972, 0.947, 0.919],
    NPE: [0.975, 0.901, 0.832],
    NLE: [0.946, 0.771, 0.699],
    "NRE-C": [0.971, 0.904, 0.771],
    SNRE: [0.968, 0.917, 0.721],
    SNPE: [0.965, 0.845, 0.666],
    SNLE: [0.921, 0.713, 0.578],
  },
  slcp_distractors: {
    NRE: [0.98, 0.968, 0.953],
    NPE: [0.982, 0.97, 0.863],
    NLE: [0.987, 0.961, 0.905],
    "NRE-C": [0.98, 0.958, 0.789],
    SNRE: [0.981, 0.974, 0.766],
    SNPE: [0.979, 0.931, 0.778],
    SNLE: [0.992, 0.949, 0.883],
  },
  two_moons: {
    NRE: [0.822, 0.761, 0.629],
    NPE: [0.725, 0.606, 0.542],
    NLE: [0.773, 0.713, 0.668],
    "NRE-C": [0.7, 0.595, 0.542],
    SNRE: [0.651, 0.582, 0.563],
    SNPE: [0.643, 0.554, 0.53],
    SNLE: [0.657, 0.571, 0.582],
  },
};

/** The published curves for a problem; none for a problem that is not of that benchmark. */
export function publishedCurves(problem: string): PublishedCurve[] {
  const curves = Object.hasOwn(sbibm, problem) ? sbibm[problem] : {};
  return Object.entries(curves).map(([label, values]) => ({
    label,
    isSequential: label.startsWith("S"),
    points: values.map((c2st, i) => ({ simulations: budgets[i], c2st })),
  }));
}

/** The published C2ST of one method, or `undefined`. */
export function publishedC2st(problem: string, label: string, simulations: number): number | undefined {
  return publishedCurves(problem)
    .find((curve) => curve.label === label)
    ?.points.find((point) => point.simulations === simulations)?.c2st;
}

/** Mean squared error of a learned log ratio by budget, nats squared. */
export interface RatioCurve {
  readonly label: string;
  /** Our method of that name, where there is one. */
  readonly method?: string;
  readonly points: readonly { readonly simulations: number; readonly mse: number }[];
}

/** What others, or another implementation, made of a problem that gives gold. */
export interface RatioCurves {
  readonly published: readonly RatioCurve[];
  /** Whence `published` is; empty where there is none. */
  readonly source: string;
  /** Of a reference build: a separate implementation in another framework, not published. */
  readonly reference: readonly RatioCurve[];
  /** How the reference build was made. */
  readonly referenceSource: string;
}

const ratioCurve =
  (simulations: readonly number[]) =>
  (label: string, values: readonly number[], method?: string): RatioCurve => ({
    label,
    ...(method !== undefined && { method }),
    points: values.map((mse, i) => ({ simulations: simulations[i], mse })),
  });
const board = ratioCurve([200, 500, 1000, 2000, 5000, 10_000]);
const events = ratioCurve([1000, 10_000, 50_000]);
const zoom = ratioCurve([1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000]);
const zoomSource =
  "Brehmer et al. (2018), arXiv:1805.12244, read off the curves of johannbrehmer/goldmine, whose truth is the median of ten SCANDAL trainings of 200,000 simulations; SCANDAL by its weight per unit of the parameters";

/**
 * Galton board: the published curves (their truth is from histograms of 20,000 balls, which puts a floor of about 1e-3
 * under them), and those of a reference build with exact truth. Lotka-Volterra near one point: the published curves of
 * methods whose simulations were sound (those of ratios were not: half of them came from the wrong point).
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244,
 *   https://github.com/johannbrehmer/simulator-mining-example
 */
const ratioCurves: Readonly<Record<string, RatioCurves>> = {
  galton_board: {
    source:
      "Brehmer et al. (2018), arXiv:1805.12244, read off the curves of johannbrehmer/simulator-mining-example; LRT is CARL",
    published: [
      board("LRT", [0.133, 0.1503, 0.115, 0.0885, 0.0481, 0.0202], "carl"),
      board("NDE", [0.0822, 0.0766, 0.0689, 0.0519, 0.0182, 0.0037], "nde"),
      board("ROLR", [0.0577, 0.029, 0.0132, 0.005, 0.003, 0.003], "rolr"),
      board("RASCAL", [0.019, 0.0104, 0.007, 0.0041, 0.0022, 0.002], "rascal"),
      board("SCANDAL", [0.0176, 0.0052, 0.0036, 0.0022, 0.0019, 0.0016], "scandal"),
    ],
    referenceSource: "mean of six seeds; the network of the publication, a table of slots",
    reference: [
      board("NDE", [0.0636, 0.0607, 0.0511, 0.0368, 0.0042], "nde"),
      board("SCANDAL", [0.0154, 0.0035, 0.0016, 0.0009, 0.0002], "scandal"),
      board("LRT", [0.2437, 0.169, 0.1197, 0.0486, 0.0268], "carl"),
      board("ROLR", [0.0684, 0.0596, 0.0179, 0.0056, 0.0033], "rolr"),
      board("CASCAL", [0.1398, 0.084, 0.0649, 0.0388, 0.0154], "cascal"),
      board("ALICE", [0.0606, 0.0437, 0.0082, 0.0025, 0.0012], "alice"),
      board("RASCAL", [0.0387, 0.0197, 0.0087, 0.0034, 0.0026], "rascal"),
      board("ALICES", [0.0229, 0.0122, 0.0051, 0.0033, 0.0018], "alices"),
    ],
  },
  lotka_volterra_zoom: {
    source: zoomSource,
    published: [
      zoom("MAF", [0.1217, 0.1242, 0.1286, 0.1474, 0.1329, 0.1307, 0.1111, 0.1124], "nde"),
      zoom("SCANDAL, 0.1", [0.1154, 0.0945, 0.0729, 0.0626, 0.0392, 0.0214, 0.0125, 0.0068], "scandal-0.1"),
      zoom("SCANDAL, 0.01", [0.1173, 0.1071, 0.0883, 0.0668, 0.0527, 0.0336, 0.02, 0.0105], "scandal-0.01"),
    ],
    referenceSource: "",
    reference: [],
  },
  eft: {
    source: "",
    published: [],
    referenceSource:
      "mean of three seeds, one at 50,000; two hidden layers of 64, tanh, 20 to 100 epochs of Adam, the best kept",
    reference: [
      events("CARL", [0.387, 0.107, 0.06], "carl"),
      events("ROLR", [0.363, 0.1, 0.059], "rolr"),
      events("ALICE", [0.124, 0.06, 0.04], "alice"),
      events("CASCAL", [0.127, 0.063, 0.035], "cascal"),
      events("RASCAL", [0.299, 0.089, 0.054], "rascal"),
      events("ALICES", [0.095, 0.051, 0.022], "alices"),
    ],
  },
};

/**
 * Errors of `log p` that were published beside those of `log r`, on the same problem by the same methods, read off an
 * axis of powers of ten to 5 %.
 */
const logProbCurves: Readonly<Record<string, RatioCurves["published"]>> = {
  lotka_volterra_zoom: [
    zoom("MAF", [152, 73.7, 58.4, 19.3, 10.9, 3.66, 1.14, 0.587], "nde"),
    zoom("SCANDAL, 0.1", [233, 197, 138, 102, 76.9, 54, 36.8, 21.4], "scandal-0.1"),
    zoom("SCANDAL, 0.01", [156, 96.9, 48.1, 38.3, 19.7, 11.4, 4.45, 1.7], "scandal-0.01"),
  ],
};

/** Published errors of `log p`; empty where there are none. */
export function logProbCurvesOf(problem: string): readonly RatioCurve[] {
  return Object.hasOwn(logProbCurves, problem) ? logProbCurves[problem] : [];
}

/** The published error of `log p` of one of our methods, or `undefined`. */
export function logProbMseOf(problem: string, method: string, simulations: number): number | undefined {
  return errorOf(logProbCurvesOf(problem), method, simulations);
}

function errorOf(curves: readonly RatioCurve[], method: string, simulations: number): number | undefined {
  return curves
    .find((curve) => curve.method === method)
    ?.points.find((point) => point.simulations === simulations)?.mse;
}

/** The curves of others for a problem that gives gold; `undefined` where there are none. */
export function ratioCurvesOf(problem: string): RatioCurves | undefined {
  return Object.hasOwn(ratioCurves, problem) ? ratioCurves[problem] : undefined;
}

/** The error of one of our methods elsewhere, or `undefined`. */
export function ratioMseOf(
  problem: string,
  method: string,
  simulations: number,
  of: "published" | "reference",
): number | undefined {
  return errorOf(ratioCurvesOf(problem)?.[of] ?? [], method, simulations);
}

/** A row of Table 2 of the AALR paper. */
export interface Table2Row {
  readonly algorithm: string;
  /** Our method for it, by name; left out where there is none yet. */
  readonly method?: string;
  readonly mmd: Measured;
  readonly auc: Measured;
}

/**
 * Table 2 of the AALR paper: 25 repeats, mean and standard error.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057, table 2
 */
export const table2: readonly Table2Row[] = [
  row("AALR-MCMC", [0.05, 0.005], [0.59, 0.001], "aalr"),
  row("ABC, ε = 32", [0.51, 0.001], [0.99, 0.0001], "abc-32"),
  row("ABC, ε = 16", [0.5, 0.003], [0.99, 0.0002], "abc-16"),
  row("ABC, ε = 8", [0.39, 0.001], [0.99, 0.0003], "abc-8"),
  row("ABC, ε = 4", [0.29, 0.004], [0.98, 0.0007], "abc-4"),
  row("APT", [0.17, 0.036], [0.86, 0.0008], "apt"),
  row("AALR-MCMC (LRT)", [0.53, 0.004], [0.99, 0.0001], "aalr-lrt"),
  row("SNPE-A", [0.21, 0.07], [0.97, 0.0098], "snpe-a"),
  row("SNPE-B", [0.2, 0.061], [0.92, 0.0181], "snpe-b"),
];

/** The source of `table2`, for captions. */
export const table2Source = "Hermans, Begy and Louppe (2020), arXiv:1903.04057, Table 2";

function row(
  algorithm: string,
  [mmd, mmdError]: readonly [number, number],
  [auc, aucError]: readonly [number, number],
  method?: string,
): Table2Row {
  const printed = (value: number, error: number): Measured => ({ value, error, text: `${value} ± ${error}` });
  return {
    algorithm,
    ...(method !== undefined && { method }),
    mmd: printed(mmd, mmdError),
    auc: printed(auc, aucError),
  };
}
