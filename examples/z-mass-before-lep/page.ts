/** The page of the Z mass example: figures and words around the results. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bornAsymmetry } from "../../benchmarks/problems/asymmetries/born.js";
import { asymmetries, energies, errors } from "../../benchmarks/problems/asymmetries/measurements.js";
import {
  chiSquared,
  exactGrid,
  exactMassGrid,
  parameters,
  priorBox,
} from "../../benchmarks/problems/asymmetries/problem.js";
import {
  chainsSection,
  cornerFigure,
  type Dataset,
  type Draws,
  drawsMatrix,
  foldIn,
  intervalsFigure,
  key,
  matrix,
  posteriorSection,
  predictiveCheck,
  predictiveFigure,
  type RatioEstimator,
  type ReportSection,
  reportPage,
  row,
  summary,
  summaryTable,
  takeRows,
  trainingSection,
  trustSection,
  writeReport,
} from "../../src/index.js";

export interface Results {
  readonly estimator: RatioEstimator;
  readonly simulations: Dataset;
  readonly byHmc: Draws;
  readonly byMetropolis: Draws;
  readonly byMass: Draws;
  readonly distances: readonly {
    readonly label: string;
    readonly c2st: number;
    readonly mmd: number;
    readonly auc: number;
  }[];
  readonly warnings: readonly string[];
  readonly seed: string;
  /** Folder that also gets the main figures as SVG files. */
  readonly figures?: string;
}

const command = "npm start";
const axes = [
  { label: parameters[0], range: priorBox[0] },
  { label: parameters[1], unit: "GeV", range: priorBox[1] },
];

/** Central interval of a sorted sample. */
const interval = (sorted: Float64Array, mass: number): [number, number] => [
  sorted[Math.floor(((1 - mass) / 2) * sorted.length)],
  sorted[Math.floor(((1 + mass) / 2) * sorted.length)],
];

/** Writes report.html, and the main figures where a folder is given, and returns the path of the page. */
export async function writePage(results: Results): Promise<string> {
  const { estimator, simulations, byHmc, byMetropolis, byMass, distances, warnings, seed } = results;
  const mass = summary(byMass).rows[0];
  const sorted = byMass.values.slice().sort();
  const [low, high] = interval(sorted, 0.68);
  const sections: ReportSection[] = [
    await massSection(byMass),
    await ridgeSection(byHmc, byMetropolis),
    {
      heading: "Distance to the exact posterior",
      paragraphs: [
        "A classifier tries to tell 1,000 learned draws from 1,000 exact ones (quick: the full definition takes 10,000). 0.5 means that it cannot.",
      ],
      tables: [
        {
          columns: ["posterior", "C2ST (quick)", "MMD", "ROC AUC"],
          rows: distances.map(({ label, c2st, mmd, auc }) => [label, c2st, mmd, auc]),
          digits: 3,
          file: "distances",
        },
      ],
    },
    await predictiveSection(byHmc, simulations, seed),
    ...(estimator.header.card ? [await trustSection(estimator.header.card)] : []),
    await trainingSection(estimator.header.logs),
    await chainsSection("HMC, both parameters free", byHmc, axes),
    await chainsSection("Metropolis-Hastings, both parameters free", byMetropolis, axes),
  ];
  if (results.figures) {
    await mkdir(results.figures, { recursive: true });
    for (const [i, name] of ["z-mass", "ridge"].entries()) {
      await writeFile(join(results.figures, `${name}.svg`), sections[i].figures?.[0].svg ?? "");
    }
  }
  return writeReport(
    "report.html",
    reportPage({
      title: "The Z mass before LEP",
      lead:
        `Fifteen charge asymmetries of e+e- -> mu+mu- at 14-57 GeV, measured before 1990, give M_Z = ${mass.q50.toFixed(1)} GeV ` +
        `(68 %: ${low.toFixed(1)}-${high.toFixed(1)}) once G_F is known from muon decay. LEP found 91.19 GeV.`,
      sections,
      warnings,
      provenance: {
        seed,
        engine: estimator.engine,
        command,
        more: { simulations: String(simulations.theta.rows) },
      },
    }),
  );
}

async function massSection(byMass: Draws): Promise<ReportSection> {
  const [mass] = summary(byMass).rows;
  const exact = exactMassGrid();
  const sorted = byMass.values.slice().sort();
  const truth = exact.draws(20_000, key("intervals")).data.slice().sort();
  const bar = (label: string, values: Float64Array, color?: string) => ({
    label,
    center: values[values.length >> 1],
    inner: interval(values, 0.68),
    outer: interval(values, 0.95),
    ...(color && { color }),
  });
  return {
    heading: "The Z mass before LEP",
    paragraphs: [
      "The network was trained with both parameters free. Holding G_F at its muon-decay value afterwards needs no new training: " +
        "the same ratio, cut along a line, gives the posterior of M_Z.",
    ],
    figures: [
      {
        svg: await cornerFigure({
          parameters: [axes[1]],
          sets: [
            { label: "learned (HMC)", draws: byMass, size: mass.essBulk },
            {
              label: "exact",
              grid: { axes: exact.axes, density: exact.logProb.map(Math.exp) },
              color: "currentColor",
            },
          ],
          points: [{ label: "LEP", values: [91.1876] }],
        }),
        caption:
          "Posterior of the Z mass with G_F known, learned and exact. The prior is flat from 60 to 130 GeV.",
        command,
      },
      {
        svg: await intervalsFigure(
          { label: "M_Z", unit: "GeV" },
          [bar("learned", sorted), bar("exact", truth, "currentColor")],
          { reference: { label: "LEP", value: 91.1876 } },
        ),
        caption: "Median, 68 % and 95 % intervals.",
        command,
      },
    ],
    tables: [summaryTable(summary(byMass), "M_Z in GeV, G_F known: HMC", "z-mass")],
  };
}

async function ridgeSection(byHmc: Draws, byMetropolis: Draws): Promise<ReportSection> {
  const exact = exactGrid();
  return posteriorSection(
    "Both parameters free",
    {
      parameters: axes,
      sets: [
        { label: "learned (HMC)", draws: byHmc, size: summary(byHmc).rows[0].essBulk },
        {
          label: "learned (Metropolis)",
          draws: byMetropolis,
          size: summary(byMetropolis).rows[0].essBulk,
          style: "dashed",
        },
        {
          label: "exact",
          grid: { axes: exact.axes, density: exact.logProb.map(Math.exp) },
          style: "line",
          color: "currentColor",
        },
      ],
      points: [{ label: "Standard Model", values: [1, 91.1876] }],
    },
    [
      { label: "HMC, both free", draws: byHmc },
      { label: "Metropolis-Hastings, both free", draws: byMetropolis },
    ],
    {
      paragraphs: [
        "Far below the pole the asymmetry is proportional to G_F s, and the mass enters only through s / M_Z^2: a smaller coupling with a " +
          "lighter Z fits as well as a larger one with a heavier Z. So the posterior is a ridge, and M_Z is open above: " +
          "the upper end of its interval is the edge of the prior, not a measurement.",
      ],
      caption:
        "68 % and 95 % regions of the learned posterior and of the exact one, by quadrature on a grid.",
    },
  );
}

/** Predicts the fifteen asymmetries again from posterior draws, and compares them with the measured ones. */
async function predictiveSection(byHmc: Draws, simulations: Dataset, seed: string): Promise<ReportSection> {
  const all = drawsMatrix(byHmc);
  const theta = takeRows(
    all,
    Float64Array.from({ length: 500 }, (_, i) => Math.floor((i * all.rows) / 500)),
  );
  const { problem } = await import("../../benchmarks/problems/asymmetries/problem.js");
  const root = foldIn(key(seed), "predictive");
  const { x } = await problem.simulator.simulate(
    theta,
    Array.from({ length: theta.rows }, (_, i) => foldIn(root, i)),
  );
  const check = predictiveCheck(asymmetries, x);
  const grid = Float64Array.from({ length: 120 }, (_, i) => 12 + (47 * i) / 119);
  const curves = matrix(theta.rows, grid.length);
  for (let i = 0; i < theta.rows; i++) {
    const [fermi, mass] = row(theta, i);
    grid.forEach((energy, j) => {
      curves.data[i * grid.length + j] = bornAsymmetry(energy, fermi, mass);
    });
  }
  const chi2 = chiSquared(asymmetries, 1, 91.1876);
  return {
    heading: "Data and posterior prediction",
    paragraphs: [
      `The Standard Model (G_F from muon decay, M_Z = 91.19 GeV) has a chi2 of ${chi2.toFixed(2)} for 15 points. ` +
        `Data drawn again from the posterior are at least as far from their mean as the measured ones with probability ${check.discrepancies.chiSquared.pValue.toFixed(2)}. ` +
        `The network was trained on ${simulations.theta.rows} simulated sets of such points.`,
    ],
    figures: [
      {
        svg: await predictiveFigure({
          xAxis: { label: "centre-of-mass energy", unit: "GeV" },
          yAxis: { label: "charge asymmetry A_FB" },
          observed: { x: energies, y: asymmetries, errors },
          predictive: [{ label: "posterior", x: grid, draws: curves }],
          references: [{ label: "Standard Model", x: grid, y: grid.map((energy) => bornAsymmetry(energy)) }],
        }),
        caption:
          "Measured asymmetries, the posterior of the curve (68 % and 95 % bands) and the Standard Model at Born level.",
        data: {
          file: "asymmetries",
          table: {
            columns: ["energy (GeV)", "asymmetry", "error"],
            rows: Array.from(energies, (energy, i) => [energy, asymmetries[i], errors[i]]),
          },
        },
        command,
      },
    ],
  };
}
