/** Curves, dots and marginals: where points fall, and what is refused. */
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { drawsMatrix } from "../../src/report/figures/corner.js";
import { curveStyle, curvesFigure } from "../../src/report/figures/curves.js";
import { dotsFigure } from "../../src/report/figures/dots.js";
import { marginalsFigure } from "../../src/report/figures/marginals.js";
import { multiplesFigure } from "../../src/report/figures/multiples.js";
import { accuracy, normalDraws } from "./helpers.js";

const draws = normalDraws(4, 100, ["mu", "sigma"]);
const parameters = [{ label: "mu" }, { label: "sigma" }];

describe("curves", () => {
  const at = (svg: string, selector: string) => {
    const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
    return [...document.querySelectorAll(selector)];
  };

  it("go from left to right, whatever the order of their points", async () => {
    const lines = at(await curvesFigure(accuracy), '[aria-label="line"] path').map((path) =>
      [...path.getAttribute("d")!.matchAll(/[ML]([-\d.]+),/g)].map(([, x]) => Number(x)),
    );
    expect(Math.max(...lines.map(({ length }) => length))).toBe(3);
    for (const xs of lines) expect(xs).toEqual([...xs].sort((a, b) => a - b));
    const [first, second, third] = lines.find(({ length }) => length === 3)!;
    expect(second - first).toBeCloseTo(third - second, 1); // decades are equally long; pixels have two digits
  });

  it("fall straight on two logarithmic axes where a power does, their bands ending at the axis", async () => {
    const points = [10, 100, 1000].map((x) => ({ x, y: 1 / x, error: x === 100 ? 1 : 0 }));
    const svg = await curvesFigure({
      ...{ x: { label: "n" }, y: { label: "error" }, logY: true, curves: [{ label: "a", points }] },
      ...{ references: [{ label: "B", points: [{ x: 10, y: 0.5 }] }], referenceKind: "reference build" },
    });
    const line = at(svg, '[aria-label="line"] path').map((path) => path.getAttribute("d")!);
    const ys = [...line.find((d) => d.split("L").length === 3)!.matchAll(/,([-\d.]+)/g)].map(([, y]) => +y);
    expect(ys[2] - ys[1]).toBeCloseTo(ys[1] - ys[0], 1);
    expect(svg).toContain("reference build");
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it("have a bar where the error is known, and a shape of their own", async () => {
    const svg = await curvesFigure(accuracy);
    expect(at(svg, '[aria-label="rule"] line').length).toBe(2); // of three points, one has no error
    const looks = Array.from({ length: 20 }, (_, i) => JSON.stringify(curveStyle(i)));
    expect(new Set(looks).size).toBe(20);
  });

  it("keep the labels of published curves apart", async () => {
    const labels = at(await curvesFigure(accuracy), '[aria-label="text"]')
      .filter((element) => /^N[RP]E$/.test(element.textContent!))
      .map((element) => Number(/translate\([^,]+,([-\d.]+)\)/.exec(element.outerHTML)?.[1]));
    expect(labels.length).toBe(2);
    expect(Math.abs(labels[0] - labels[1])).toBeGreaterThanOrEqual(13);
  });

  it("refuse what cannot be drawn", async () => {
    await expect(curvesFigure({ ...accuracy, curves: [] })).rejects.toThrow(/curves must not be empty/);
    const bad = (x: number, y: number) =>
      curvesFigure({ ...accuracy, curves: [{ label: "bad", points: [{ x, y }] }] });
    await expect(bad(0, 1)).rejects.toThrow(/x of "bad" must be positive, got 0/);
    const zero = { logY: true, curves: [{ label: "bad", points: [{ x: 1, y: 0 }] }] };
    await expect(curvesFigure({ ...accuracy, ...zero })).rejects.toThrow(
      /y of "bad" must be positive, got 0/,
    );
    await expect(bad(1, NaN)).rejects.toThrow(/points of "bad" must be finite, got NaN/);
    await expect(bad(1, 1).then(() => curvesFigure(accuracy, { width: 10 }))).rejects.toThrow(/width/);
    await expect(marginalsFigure(parameters, [])).rejects.toThrow(/sets must not be empty/);
    await expect(marginalsFigure(parameters, [{ label: "s" }])).rejects.toThrow(
      /must have draws or densities/,
    );
    await expect(dotsFigure({ label: "x" }, ["a"], [])).rejects.toThrow(/values must not be empty/);
    await expect(
      marginalsFigure([{ label: "a" }], [{ label: "two", draws: drawsMatrix(draws) }]),
    ).rejects.toThrow(/draws of "two" have 2 columns but 1 parameters are named/);
  });
});

describe("small multiples", () => {
  const points = [1000, 10_000, 100_000].map((x, i) => ({ x, y: 0.9 - 0.1 * i, error: 0.02 }));
  const look = { color: "#2b7bba", symbol: "circle" } as const;
  const panel = (title: string) => ({
    title,
    curves: [{ label: "ours", points, ...look }],
    references: [{ label: "NRE", points: points.slice(1), color: look.color, dash: "6,3" }],
  });
  const [x, y] = [{ label: "simulations" }, { label: "C2ST" }];

  it("have a panel each, axes at the edges only, and every label once in the legend", async () => {
    const svg = await multiplesFigure({ x, y, panels: ["a", "b", "c", "d"].map(panel) });
    const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
    const words = [...document.querySelectorAll("text")].map((text) => text.textContent);
    const count = (word: string) => words.filter((each) => each === word).length;
    expect(["a", "b", "c", "d", "ours", "NRE (published)"].map(count)).toEqual([1, 1, 1, 1, 1, 1]);
    expect([count("simulations"), count("C2ST")]).toEqual([3, 2]); // three columns, two rows
    expect(document.querySelectorAll("[stroke-dasharray='6,3']").length).toBe(4 + 1); // and the legend
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it("share their vertical axis", async () => {
    const low = { title: "low", curves: [{ label: "ours", ...look, points: [{ x: 1000, y: 0.5 }] }] };
    const svg = await multiplesFigure({ x, y, panels: [panel("high"), low], yDomain: [0.48, 1.02] });
    const { document } = parseHTML(`<!DOCTYPE html><html><body>${svg}</body></html>`);
    const dots = [...document.querySelectorAll('[aria-label="dot"] circle')].map((dot) =>
      Number(dot.getAttribute("cy")),
    );
    const [bottom, top] = [Math.max(...dots), Math.min(...dots)];
    expect(bottom - top).toBeCloseTo((0.9 - 0.5) * (136 / 0.54), 0); // px of a plot 136 px high
  });

  it("refuse what cannot be drawn", async () => {
    await expect(multiplesFigure({ x, y, panels: [] })).rejects.toThrow(/panels must have curves/);
    const bad = { title: "a", curves: [{ label: "bad", ...look, points: [{ x: 0, y: 1 }] }] };
    await expect(multiplesFigure({ x, y, panels: [bad] })).rejects.toThrow(/x of "bad" must be positive/);
  });
});
