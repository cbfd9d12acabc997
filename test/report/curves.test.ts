/** Curves, dots and marginals: where points fall, and what is refused. */
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { drawsMatrix } from "../../src/report/figures/corner.js";
import { curveStyle, curvesFigure } from "../../src/report/figures/curves.js";
import { dotsFigure } from "../../src/report/figures/dots.js";
import { marginalsFigure } from "../../src/report/figures/marginals.js";
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
