import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import { cornerFigure, drawsMatrix } from "../../src/report/figures/corner.js";
import { coverageFigure } from "../../src/report/figures/coverage.js";
import { curvesFigure } from "../../src/report/figures/curves.js";
import { dotsFigure } from "../../src/report/figures/dots.js";
import { intervalsFigure } from "../../src/report/figures/intervals.js";
import { marginalsFigure } from "../../src/report/figures/marginals.js";
import { predictiveFigure } from "../../src/report/figures/predictive.js";
import { sbcFigure } from "../../src/report/figures/sbc.js";
import { traceFigure } from "../../src/report/figures/trace.js";
import { trainingFigure } from "../../src/report/figures/training.js";
import { svgToPng } from "../../src/report/png.js";
import { accuracy, normalDraws, normals } from "./helpers.js";

const draws = normalDraws(4, 100, ["mu", "sigma"]);
const parameters = [
  { label: "x_1", unit: "m" },
  { label: "a < b & c", range: [-5, 5] as const },
];
const levels = [0, 0.25, 0.5, 0.75, 1];
const epochs = [1, 2, 3].map((epoch) => ({
  epoch,
  trainingLoss: 1 / epoch,
  validationLoss: 1.1 / epoch,
  learningRate: 1e-3,
}));
const ranks = matrix(
  300,
  2,
  Float64Array.from({ length: 600 }, (_, i) => (i * 7) % 100),
);
const predictions: Matrix = matrix(50, 3, normals(150));
const observed = { x: [1, 2, 2], y: [0, 1, -1], errors: [1, 1, 0.5] };
const axes = { xAxis: { label: "energy", unit: "GeV" }, yAxis: { label: "A_FB", unit: "%" } };

const figures: Record<string, () => Promise<string>> = {
  corner: () =>
    cornerFigure({
      parameters,
      sets: [
        { label: "learned", draws },
        {
          label: "exact",
          grid: {
            axes: [
              [-1, 0, 1],
              [-2, 0, 2],
            ],
            density: [1, 2, 1, 2, 9, 2, 1, 2, 1],
          },
          style: "dashed",
        },
      ],
      points: [{ label: "truth", values: [0, NaN] }],
    }),
  "corner of one": () =>
    cornerFigure({ parameters: [{ label: "x" }], sets: [{ label: "s", draws: matrix(50, 1, normals(50)) }] }),
  trace: () => traceFigure(draws, { maxChains: 2, maxPoints: 40 }),
  training: () => trainingFigure({ epochs, bestEpoch: 2 }),
  "training without rates": () =>
    trainingFigure({ epochs: [{ epoch: 1, trainingLoss: NaN, validationLoss: 2 }] }),
  coverage: () =>
    coverageFigure([{ label: "AALR", levels, coverage: levels.map((level) => level ** 2) }], 200),
  "coverage of many": () =>
    coverageFigure(
      ["a", "b", "c", "d"].map((label) => ({ label, levels, coverage: levels })),
      200,
    ),
  curves: () => curvesFigure(accuracy),
  "curves of one point": () =>
    curvesFigure({ ...accuracy, curves: [{ label: "alone", points: [{ x: 3, y: 0.7 }] }], references: [] }),
  dots: () =>
    dotsFigure(
      { label: "C2ST" },
      ["one", "two"],
      [
        {
          label: "aalr",
          color: "#2b7bba",
          symbol: "circle",
          dots: [{ value: 0.6, error: 0.02 }, { value: 0.7 }],
        },
        {
          label: "NRE",
          color: "#808488",
          symbol: "square",
          isHollow: true,
          dots: [undefined, { value: 0.9 }],
        },
      ],
      { reference: { label: "perfect", value: 0.5 } },
    ),
  "marginals of densities": () =>
    marginalsFigure(
      [{ label: "mu" }],
      [{ label: "exact", densities: [{ x: Float64Array.of(0, 1, 2), density: Float64Array.of(0, 1, 0) }] }],
    ),
  marginals: () =>
    marginalsFigure(parameters, [{ label: "learned", draws: drawsMatrix(draws), style: "fill" }]),
  sbc: () => sbcFigure({ names: ["mu", "sigma"], ranks, numDraws: 99 }),
  predictive: () =>
    predictiveFigure({
      ...axes,
      observed,
      predictive: [
        { label: "curve", x: [1, 2, 3], draws: predictions },
        { label: "replicated", x: observed.x, draws: predictions },
      ],
      references: [{ label: "Standard Model", x: [1, 3], y: [0, 1] }],
    }),
  intervals: () =>
    intervalsFigure({ label: "M_Z", unit: "GeV" }, [{ label: "exact", center: 89, inner: [82, 98] }], {
      reference: { label: "LEP", value: 91.2 },
    }),
};

describe.each(Object.entries(figures))("the %s figure", (_, draw) => {
  it("is the same text when drawn again, after other figures too", async () => {
    const first = await draw();
    await cornerFigure({
      parameters: [{ label: "x" }],
      sets: [{ label: "s", draws: matrix(9, 1, normals(9)) }],
    });
    expect(await draw()).toBe(first);
  });

  it("is sound SVG with a title, no NaN, and identifiers of its own", async () => {
    const svg = await draw();
    const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
    const root = document.querySelector("svg")!;
    expect(root.getAttribute("role")).toBe("img");
    expect(root.getAttribute("aria-label")!.length).toBeGreaterThan(5);
    expect(root.querySelector("title")!.textContent).toBe(root.getAttribute("aria-label"));
    expect(svg).not.toMatch(/NaN|Infinity|undefined|plot-clip|\d\.\d{4,}[^<]*>/);
    const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id);
    expect((await svgToPng(svg, { width: 100 })).subarray(1, 4)).toEqual(new TextEncoder().encode("PNG"));
  });
});

const words = (svg: string) => {
  const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
  return [...document.querySelectorAll("text")].map((element) => element.textContent);
};

it("writes labels with units, escaped, and with indices set", async () => {
  const svg = await figures.corner();
  expect(words(svg)).toEqual(expect.arrayContaining(["x1 (m)", "a < b & c", "learned", "exact", "truth"]));
  expect(words(await figures.predictive())).toEqual(
    expect.arrayContaining(["energy (GeV)", "AFB (%)", "Standard Model", "measured"]),
  );
  expect(words(await figures.training())).toEqual(
    expect.arrayContaining(["kept: epoch 2", "validation", "training", "loss (nats)", "learning rate"]),
  );
});

it("gives two figures of one page different identifiers", async () => {
  const ids = (svg: string) => [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
  const [first, second] = [ids(await figures.corner()), ids(await figures["corner of one"]())];
  expect(first.length * second.length).toBeGreaterThan(0);
  expect(first.filter((id) => second.includes(id))).toEqual([]);
});

it("draws contours where the Gaussian's ellipses are, in the pixels of the axes", async () => {
  const axis = Float64Array.from({ length: 161 }, (_, i) => -8 + i / 10);
  const [cx, cy] = [1, -2];
  const density = Array.from(axis).flatMap((a) =>
    Array.from(axis, (b) => Math.exp(-0.5 * ((a - cx) ** 2 + ((b - cy) / 0.5) ** 2))),
  );
  const svg = await cornerFigure({
    parameters: [
      { label: "a", range: [-8, 8] },
      { label: "b", range: [-8, 8] },
    ],
    sets: [{ label: "exact", grid: { axes: [axis, axis], density }, style: "line" }],
  });
  const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
  const paths = [...document.querySelectorAll('[aria-label="contour"] path')];
  const panel = paths[0].closest("[transform]")!.querySelector('[aria-label="frame"]')!;
  const [left, top, size] = ["x", "y", "width"].map((name) => Number(panel.getAttribute(name)));
  const outlines = paths.map((path) =>
    [...path.getAttribute("d")!.matchAll(/([-\d.]+),([-\d.]+)/g)].map(([, x, y]) => [
      ((Number(x) - left) / size) * 16 - 8,
      8 - ((Number(y) - top) / size) * 16,
    ]),
  );
  expect(outlines.length).toBe(2);
  [0.95, 0.68].forEach((mass, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - mass));
    const [xs, ys] = [0, 1].map((k) => outlines[i].map((point) => point[k]));
    // half a cell of the grid is 0.05; linear interpolation and the level on a cell do better, pixels are 0.07
    expect(Math.min(...xs)).toBeCloseTo(cx - radius, 1);
    expect(Math.max(...xs)).toBeCloseTo(cx + radius, 1);
    expect(Math.min(...ys)).toBeCloseTo(cy - radius / 2, 1);
    expect(Math.max(...ys)).toBeCloseTo(cy + radius / 2, 1);
  });
});

describe("bad input", () => {
  const bad = matrix(2, 2, Float64Array.of(1, 2, NaN, 4));
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    ["no parameters", () => cornerFigure({ parameters: [], sets: [] }), /cornerFigure: parameters must name/],
    ["no sets", () => cornerFigure({ parameters, sets: [] }), /cornerFigure: sets must hold/],
    [
      "no draws",
      () => cornerFigure({ parameters, sets: [{ label: "s", draws: matrix(0, 2) }] }),
      /draws of "s" must not be empty/,
    ],
    [
      "NaN draws",
      () => cornerFigure({ parameters, sets: [{ label: "s", draws: bad }] }),
      /draws of "s" must be finite, got NaN at position 2/,
    ],
    [
      "wrong width",
      () => cornerFigure({ parameters, sets: [{ label: "s", draws: matrix(2, 3) }] }),
      /have 3 columns but 2 parameters/,
    ],
    [
      "neither draws nor grid",
      () => cornerFigure({ parameters, sets: [{ label: "s" }] }),
      /either draws or a grid/,
    ],
    [
      "short point",
      () =>
        cornerFigure({ parameters, sets: [{ label: "s", draws }], points: [{ label: "p", values: [1] }] }),
      /point "p" has 1 values/,
    ],
    [
      "tiny width",
      () => cornerFigure({ parameters, sets: [{ label: "s", draws }] }, { width: 10 }),
      /width must be between 200 and 4000 px, got 10/,
    ],
    [
      "empty run",
      () => traceFigure({ ...draws, chains: 0, draws: 0, values: new Float64Array(0) }),
      /traceFigure: draws must not be empty/,
    ],
    [
      "NaN run",
      () => traceFigure({ ...draws, values: draws.values.map(() => NaN) }),
      /traceFigure: draws must be finite/,
    ],
    ["one draw", () => traceFigure({ ...draws, chains: 400, draws: 1 }), /at least 2 draws per chain, got 1/],
    [
      "missing names",
      () => traceFigure(draws, { parameters: [{ label: "x" }] }),
      /1 parameters are named but the draws have 2/,
    ],
    [
      "no chains shown",
      () => traceFigure(draws, { maxChains: 0 }),
      /maxChains must be a positive whole number, got 0/,
    ],
    [
      "one point",
      () => traceFigure(draws, { maxPoints: 1 }),
      /maxPoints must be a whole number of at least 2, got 1/,
    ],
    ["no epochs", () => trainingFigure({ epochs: [] }), /epochs must not be empty/],
    [
      "no finite loss",
      () => trainingFigure({ epochs: [{ epoch: 1, trainingLoss: NaN, validationLoss: NaN }] }),
      /at least one finite loss/,
    ],
    [
      "unknown best epoch",
      () => trainingFigure({ epochs, bestEpoch: 9 }),
      /bestEpoch 9 is not among the 3 epochs/,
    ],
    ["no curves", () => coverageFigure([], 10), /curves must not be empty/],
    [
      "no pairs",
      () => coverageFigure([{ label: "c", levels, coverage: levels }], 0),
      /numPairs must be a positive whole number, got 0/,
    ],
    [
      "coverage above 1",
      () => coverageFigure([{ label: "c", levels: [0, 1], coverage: [0, 1.2] }], 9),
      /coverage of "c" must lie in \[0, 1\], got 1.2/,
    ],
    [
      "ragged coverage",
      () => coverageFigure([{ label: "c", levels: [0, 1], coverage: [0] }], 9),
      /2 levels but 1 coverages/,
    ],
    [
      "fractional rank",
      () => sbcFigure({ names: ["a"], ranks: matrix(2, 1, Float64Array.of(1, 0.5)), numDraws: 9 }),
      /whole numbers from 0 to 9, got 0.5/,
    ],
    [
      "rank above draws",
      () => sbcFigure({ names: ["a"], ranks: matrix(1, 1, Float64Array.of(10)), numDraws: 9 }),
      /got 10/,
    ],
    ["unnamed ranks", () => sbcFigure({ names: ["a"], ranks, numDraws: 99 }), /2 columns but 1 parameters/],
    [
      "no ranks",
      () => sbcFigure({ names: ["a"], ranks: matrix(0, 1), numDraws: 9 }),
      /ranks must not be empty/,
    ],
    [
      "negative error",
      () => predictiveFigure({ ...axes, observed: { ...observed, errors: [1, -1, 1] }, predictive: [] }),
      /must be >= 0, got -1/,
    ],
    [
      "ragged data",
      () => predictiveFigure({ ...axes, observed: { x: [1], y: [] }, predictive: [] }),
      /1 positions but 0 values/,
    ],
    [
      "no data",
      () => predictiveFigure({ ...axes, observed: { x: [], y: [] }, predictive: [] }),
      /must not be empty/,
    ],
    [
      "ragged predictions",
      () => predictiveFigure({ ...axes, observed, predictive: [{ label: "p", x: [1], draws: predictions }] }),
      /3 columns but there are 1 positions/,
    ],
    ["no rows", () => intervalsFigure({ label: "x" }, []), /rows must not be empty/],
    [
      "upside down",
      () => intervalsFigure({ label: "x" }, [{ label: "r", center: 0, inner: [1, -1] }]),
      /must go from low to high/,
    ],
    ["no SVG", () => svgToPng("<p>"), /expected SVG text that begins with "<svg", got "<p>"/],
    [
      "no PNG width",
      () => svgToPng("<svg/>", { width: 0 }),
      /width must be a whole number from 1 to 20000 px, got 0/,
    ],
  ];

  it.each(cases)("%s is an error that says so", async (_, draw, message) => {
    await expect(draw()).rejects.toThrow(message);
  });
});

it("takes the draws of a run as one table without copying", () => {
  const table = drawsMatrix(draws);
  expect([table.rows, table.cols]).toEqual([400, 2]);
  expect(table.data).toBe(draws.values);
});
