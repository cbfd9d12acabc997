import { describe, expect, it } from "vitest";
import { runningDiagnostics } from "../../samplers/diagnostics/running.js";
import type { Draws } from "../../samplers/draws.js";
import { summary } from "../../samplers/summary.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { runningFigure } from "../../src/report/figures/running.js";

const rng = stream(foldIn(key(2), 0));
const draws: Draws = {
  names: ["mu", "log sigma"],
  chains: 4,
  draws: 200,
  values: Float64Array.from({ length: 1600 }, () => rng.normal()),
  stats: {},
  warmup: {},
  run: {},
};

describe("running diagnostics", () => {
  const running = runningDiagnostics(draws, { points: 4 });

  it("end where the summary is, at evenly spaced numbers of draws", () => {
    expect(Array.from(running[0].draws)).toEqual([50, 100, 150, 200]);
    summary(draws).rows.forEach(({ name, rhat, essBulk, essTail }, j) => {
      const last = running[j];
      expect([last.name, last.rhat[3], last.essBulk[3], last.essTail[3]]).toEqual([
        name,
        rhat,
        essBulk,
        essTail,
      ]);
    });
  });

  it("of the first draws are those of a run of so many", () => {
    const values = Float64Array.from(
      { length: 400 },
      (_, i) => draws.values[Math.floor(i / 100) * 400 + (i % 100)],
    );
    const [{ rhat, essTail }] = summary({ ...draws, draws: 50, values }).rows;
    expect([running[0].rhat[0], running[0].essTail[0]]).toEqual([rhat, essTail]);
  });

  it("take no more points than there are draws, and refuse none", () => {
    const short = { ...draws, draws: 3, values: draws.values.subarray(0, 24) };
    expect(runningDiagnostics(short)[0].draws).toHaveLength(3);
    expect(() => runningDiagnostics(draws, { points: 0 })).toThrow(
      /points must be a positive integer, got 0/,
    );
  });

  it("are drawn, the same bytes for the same data, with both limits", async () => {
    const svg = await runningFigure(running);
    expect(await runningFigure(running)).toBe(svg);
    for (const text of ["draws per chain", "R-hat", "log sigma"]) expect(svg).toContain(text);
    expect(svg.match(/stroke-dasharray="4,3"/g)).toHaveLength(2);
    expect(svg).not.toContain("NaN");
    await expect(runningFigure([])).rejects.toThrow(/expected finite R-hat and ESS/);
  });
});
