import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BenchmarkReport, benchmarkReport } from "../../benchmarks/report/report.js";
import { tasksTable } from "../../benchmarks/report/tasks.js";
import { readResults } from "../../benchmarks/results.js";
import { writeFixture } from "./report-fixture.js";

const root = mkdtempSync(join(tmpdir(), "galton-report-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const small = { problems: ["two_moons"], simulations: [1000, 10_000], observations: [1, 2], seeds: [1] };
const dom = ({ page }: BenchmarkReport) => parseHTML(page).document;
type Tree = ReturnType<typeof dom>;
const texts = (tree: Pick<Tree, "querySelectorAll">, selector: string) =>
  [...tree.querySelectorAll(selector)].map((element) => element.textContent!);
const csv = (document: Tree, name: string): string[][] => {
  const href = document.querySelector(`a[download="${name}"]`)!.getAttribute("href")!;
  const lines = Buffer.from(href.split("base64,")[1], "base64").toString().trim().split("\r\n");
  return lines.map((line) => line.split(","));
};

describe("the page of a benchmark", () => {
  const folder = join(root, "ordinary");
  const failed = ["slcp.nre-b.1000.obs2.seed1"];
  let report: BenchmarkReport;
  beforeAll(async () => {
    await writeFixture(folder, { failed });
    report = await benchmarkReport(folder);
  });

  it("has a row for each problem, method and budget, and a section for each problem", () => {
    const rows = dom(report).querySelectorAll("#section-1 tbody tr");
    expect(rows.length).toBe(2 * 3 * 3);
    expect(report.sections).toEqual([
      ...["Summary", "What simulations buy", "Better than aalr?", "two_moons", "slcp", "Failures"],
    ]);
    expect(texts(dom(report), "h1")).toEqual(["A made-up comparison"]);
  });

  it("has means in the table that the job downloads give", () => {
    const jobs = csv(dom(report), "jobs.csv");
    const [problem, method, budget, c2st] = ["problem", "method", "simulations", "c2st"].map((name) =>
      jobs[0].indexOf(name),
    );
    const values = jobs
      .filter((row) => row[problem] === "slcp" && row[method] === "aalr" && row[budget] === "10000")
      .map((row) => Number(row[c2st]));
    expect(values.length).toBe(6);
    const summary = csv(dom(report), "summary.csv");
    const row = summary.find(([p, m, b]) => p === "slcp" && m === "aalr" && b === "10000")!;
    expect(Number(row[summary[0].indexOf("C2ST")])).toBeCloseTo(values.reduce((a, b) => a + b, 0) / 6, 12);
  });

  it("compares all methods with the first, or with one that is named", async () => {
    const rows = csv(dom(report), "comparisons.csv");
    expect(rows.length - 1).toBe(2 * 2 * 3); // problems, other methods, budgets
    expect(rows[0].slice(4, 7)).toEqual(["difference", "difference (s.e.)", "p"]);
    const jobs = csv(dom(report), "jobs.csv");
    const c2st = (method: string) =>
      jobs
        .filter(([problem, name, budget]) => problem === "two_moons" && name === method && budget === "1000")
        .map((row) => Number(row[jobs[0].indexOf("c2st")]));
    const differences = c2st("nre-b").map((value, i) => value - c2st("aalr")[i]);
    const row = rows.find((cells) => cells.slice(0, 3).join() === "two_moons,nre-b,1000")!;
    expect(Number(row[4])).toBeCloseTo(differences.reduce((a, b) => a + b) / 6, 12);
    expect(row.slice(-2)).toEqual(["6", "2 seeds"]);
    const other = await benchmarkReport(folder, { baseline: "abc-4" });
    expect(other.sections[2]).toBe("Better than abc-4?");
    await expect(benchmarkReport(folder, { baseline: "abc-5" })).rejects.toThrow(
      /no method "abc-5" to compare with; the methods are aalr, nre-b, abc-4/,
    );
  });

  it("shows accuracy, cost, coverage and posterior of each problem, each with data and command", () => {
    for (const problem of ["two_moons", "slcp"]) {
      for (const kind of ["accuracy", "cost", "coverage", "posterior"]) {
        const rows = csv(dom(report), `${problem}-${kind}.csv`);
        expect(rows.length, `${problem} ${kind}`).toBeGreaterThan(6);
      }
    }
    const figures = [...dom(report).querySelectorAll("figure")];
    expect(figures.length).toBe(2 + 8); // both problems at once first
    for (const figure of figures) {
      expect(figure.querySelector("pre")!.textContent).toContain(`galton bench ${join(folder, "plan.json")}`);
    }
    const words = texts(dom(report), "#section-4 svg text");
    expect(words).toEqual(expect.arrayContaining(["NRE", "NPE", "NLE", "NRE-C", "exact", "published"]));
  });

  it("begins with the accuracy on all problems, beside what was published", () => {
    const rows = csv(dom(report), "accuracy.csv").slice(1);
    expect(rows.map(([problem]) => problem).filter((problem) => problem === "slcp").length).toBe(3 + 4);
    const summary = csv(dom(report), "summary.csv");
    const row = summary.find(([p, m, b]) => p === "slcp" && m === "nre-b" && b === "100000")!;
    const own = rows.find(([problem, method]) => problem === "slcp" && method === "nre-b")!;
    expect(own.slice(2)).toEqual(row.slice(3, 5));
    expect(rows).toContainEqual(["slcp", "NRE-C (published)", "0.771", ""]);
    const dots = dom(report).querySelectorAll("#section-1 figure svg [aria-label=dot] path");
    expect(dots.length).toBe(2 * 7);
  });

  it("shows what simulations buy on all problems at once, beside what was published", () => {
    const rows = csv(dom(report), "budgets.csv").slice(1);
    const summary = csv(dom(report), "summary.csv");
    for (const budget of ["1000", "10000", "100000"]) {
      const own = rows.find((cells) => cells.slice(0, 3).join() === `slcp,nre-b,${budget}`)!;
      const row = summary.find((cells) => cells.slice(0, 3).join() === `slcp,nre-b,${budget}`)!;
      expect(own.slice(3)).toEqual(row.slice(3, 5));
    }
    expect(rows).toContainEqual(["slcp", "NLE (published)", "10000", "0.771", ""]);
    expect(rows.filter(([, method]) => method.includes("published")).length).toBe(2 * 3 * 3); // none in rounds
    const best = csv(dom(report), "budgets-table.csv").filter(([, method]) => method === "best published");
    expect(best.map(([problem, , ...cells]) => [problem, ...cells.filter((cell) => cell !== "")])).toEqual([
      ["two_moons", "0.725", "0.606", "0.542"],
      ["slcp", "0.946", "0.771", "0.699"],
    ]);
    expect(texts(dom(report), "#section-2 td")).toContain("0.771 (NLE)");
  });

  it("lists failures with their reasons, and warns of them", () => {
    expect(texts(dom(report), "#section-6 td").join(" ")).toContain("the loss became NaN in epoch 3");
    expect(report.warnings).toEqual(["1 of 108 jobs failed; they are listed with their reasons."]);
  });

  it("says with what and when it was made", () => {
    const footer = texts(dom(report), "footer")[0];
    for (const word of [
      "galton 0.1.0",
      "onnxruntime-node",
      "Made-up Processor",
      "2026-11-22",
      "107 done, 1 failed",
    ])
      expect(footer).toContain(word);
  });

  it("is the same text when made again", async () => {
    expect((await benchmarkReport(folder)).page === report.page).toBe(true);
  });
});

describe("other results", () => {
  it("of methods in rounds have a figure of their own, published forms in rounds in their colours", async () => {
    const folder = join(root, "rounds");
    await writeFixture(folder, { methods: ["npe", "aalr", "apt"], draws: false });
    const report = await benchmarkReport(folder);
    const methods = (name: string) => [
      ...new Set(
        csv(dom(report), name)
          .slice(1)
          .map((row) => row[1]),
      ),
    ];
    expect(methods("budgets.csv")).toEqual([
      ...["npe", "aalr", "NRE (published)", "NPE (published)", "NLE (published)"],
    ]);
    expect(methods("budgets-sequential.csv")).toEqual([
      ...["apt", "SNRE (published)", "SNPE (published)", "SNLE (published)"],
    ]);
    const pictures = [...dom(report).querySelectorAll("#section-2 figure svg")];
    const [amortised, rounds] = pictures;
    const color = (svg: (typeof pictures)[number], label: string) => {
      const words = [...svg.querySelectorAll("[aria-label=legend] text")];
      const line = words.find((text) => text.textContent === label)!.previousElementSibling!;
      return line.getAttribute("stroke") ?? line.getAttribute("fill");
    };
    expect(color(amortised, "NPE (published)")).toBe(color(amortised, "npe"));
    expect(color(amortised, "NRE (published)")).toBe(color(amortised, "aalr"));
    expect(color(amortised, "NLE (published)")).toBe("currentColor");
    expect(color(rounds, "SNPE (published)")).toBe(color(rounds, "apt"));
    expect(texts(dom(report), "#section-2 td")).toContain("best published, in rounds");
    const text = tasksTable(await readResults(folder), "npm run bench");
    expect(text).toMatch(
      /^\| problem \| method \| 1000 \| 10,000 \| 100,000 \| training with 10,000, CPU s \|\n/,
    );
    expect(text).toMatch(/\| slcp \| best published \| 0\.946 \(NLE\) \|/);
    expect(text).toContain("means over up to 3 observations and 2 seeds.");
  });

  it("of Table 2 stand beside the paper's, with its figures", async () => {
    const folder = join(root, "table2");
    const methods = ["aalr", "aalr-lrt", "abc-4"];
    const shape = { problems: ["slcp_aalr"], simulations: [1_000_000], observations: [1], seeds: [1, 2, 3] };
    await writeFixture(folder, {
      ...shape,
      methods,
      scores: ["mmd", "auc"],
      marginals: ["aalr", "aalr-lrt"],
    });
    const report = await benchmarkReport(folder, { png: true });
    expect(report.sections.slice(1, 4)).toEqual([
      "Better than aalr?",
      "Table 2 of the AALR paper",
      "Figures 3 and 11 of the AALR paper",
    ]);
    const rows = [...dom(report).querySelectorAll("#section-3 tbody tr")].map((row) => texts(row, "td"));
    expect(rows.length).toBe(9);
    expect(rows[0].slice(2, 5)).toEqual(["0.05 ± 0.005", rows[0][3], "0.59 ± 0.001"]);
    expect(rows.find(([name]) => name === "APT")!.slice(0, 3)).toEqual(["APT", "", "0.17 ± 0.036"]);
    const densities = csv(dom(report), "slcp_aalr-marginals.csv").slice(1);
    expect([...new Set(densities.map(([method]) => method))]).toEqual(["exact", "aalr", "aalr-lrt"]);
    expect(densities.length).toBe(3 * 5 * 40);
    expect(report.page).toContain("As Figure 11 of the paper. Marginal densities");
    expect(report.pictures.map(({ file }) => file)).toContain("slcp_aalr-figure3-aalr.png");
    for (const { png } of report.pictures) expect(String.fromCharCode(...png.subarray(1, 4))).toBe("PNG");
  });

  it("of Table 2 without densities say how to keep them", async () => {
    const folder = join(root, "table2-draws");
    const shape = { problems: ["slcp_aalr"], simulations: [1000], observations: [1], seeds: [1] };
    await writeFixture(folder, { ...shape, methods: ["abc-4"], scores: ["mmd"] });
    const { page } = await benchmarkReport(folder);
    expect(page).toContain("are kept where the plan says &quot;marginals&quot;: true");
    expect(page).not.toContain("slcp_aalr-marginals.csv");
  });

  it("that hold one job, without draws, give a page without bands and corner plots", async () => {
    const folder = join(root, "one");
    await writeFixture(folder, {
      ...small,
      methods: ["aalr"],
      simulations: [1000],
      observations: [1],
      draws: false,
    });
    const report = await benchmarkReport(folder);
    expect(texts(dom(report), ".lead")[0]).toContain("1 method on 1 problem with 1000 simulations");
    expect(dom(report).querySelector('a[download="two_moons-posterior.csv"]')).toBeNull();
    expect(dom(report).querySelectorAll("figure").length).toBe(3);
  });

  it("that all failed give a page of reasons", async () => {
    const folder = join(root, "failed");
    await writeFixture(folder, { ...small, failed: "all" });
    const report = await benchmarkReport(folder);
    expect(report.sections).toEqual(["Summary", "Failures"]);
    expect(report.warnings[0]).toMatch(/12 of 12 jobs failed/);
  });

  it("of a problem that is not ours are shown without running anything of it", async () => {
    const folder = join(root, "stranger");
    await writeFixture(folder, { ...small, draws: false });
    for (const file of ["results.jsonl", "plan.json"]) {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(path, "utf8").replaceAll('"two_moons"', '"<b>mine</b>"'));
    }
    const report = await benchmarkReport(folder);
    expect(report.sections).toEqual(["Summary", "Better than aalr?", "<b>mine</b>"]);
    expect(report.page).not.toContain("<b>mine");
  });
});

describe("a damaged folder", () => {
  it("without results, or with none yet, is refused with what to do", async () => {
    await expect(benchmarkReport(join(root, "nothing"))).rejects.toThrow(/there is no .*results\.jsonl/);
    const folder = join(root, "empty");
    await writeFixture(folder, { ...small, problems: [], draws: false });
    await expect(benchmarkReport(folder)).rejects.toThrow(/holds no result yet/);
  });

  it("with a half-written last line gives the page of the others, and says so", async () => {
    const folder = join(root, "half");
    await writeFixture(folder, { ...small, draws: false });
    appendFileSync(join(folder, "results.jsonl"), '{"problem":"two_moo');
    const { warnings, sections } = await benchmarkReport(folder);
    expect(warnings).toEqual([expect.stringMatching(/last line of .*results\.jsonl is half-written/)]);
    expect(sections).toEqual(["Summary", "Better than aalr?", "two_moons"]);
  });

  it("with a bad line in the middle is refused with its number", async () => {
    const folder = join(root, "middle");
    await writeFixture(folder, { ...small, draws: false });
    const path = join(folder, "results.jsonl");
    writeFileSync(path, `{"problem": 3}\n${readFileSync(path, "utf8")}`);
    await expect(benchmarkReport(folder)).rejects.toThrow(/^readResults: .*, line 1 is not a result/);
  });

  it("without its plan, or with jobs missing, says so", async () => {
    const folder = join(root, "planless");
    await writeFixture(folder, { ...small, draws: false });
    const path = join(folder, "results.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").split("\n").slice(0, 5).join("\n").concat("\n"));
    expect((await benchmarkReport(folder)).warnings).toEqual(["7 of 12 planned jobs are not done yet."]);
    rmSync(join(folder, "plan.json"));
    expect((await benchmarkReport(folder)).warnings).toEqual([
      expect.stringMatching(/There is no .*plan\.json/),
    ]);
  });
});
