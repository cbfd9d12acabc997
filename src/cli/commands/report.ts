/**
 * `galton report`: one page that shows a result and how far to trust it, or what a benchmark found.
 *
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { dataHelp } from "../data-argument.js";
import { engineOption } from "../engine-option.js";
import { repeated, text, toggle, withDefault } from "../options.js";
import type { Terminal } from "../terminal.js";

/** Builds a self-contained HTML page from an estimator, draws and an observation. */
export const report = defineCommand({
  name: "report",
  summary: "build one self-contained HTML page from an estimator and draws, or from a benchmark",
  description:
    "Shows what there is: corner plot and table of all draws, chains, training curve, coverage and calibration ranks, the observation, all " +
    "warnings, and how everything was made. The same files give the same page. With FOLDER instead: what a benchmark found, with tables that sort, " +
    "accuracy against budget and CPU time beside published curves, coverage, and stored draws against exact ones.",
  arguments: [
    {
      name: "FOLDER",
      help: "results folder of galton bench, instead of --estimator and --draws",
      optional: true,
    },
  ],
  options: {
    estimator: text("FILE", "file that galton train wrote"),
    draws: repeated(text("FILE", "file that galton sample wrote; LABEL=FILE names it")),
    observed: text("DATA", "what was measured, as for galton sample; default what the draws say"),
    data: text("DATA", `simulations to look for the observation in: ${dataHelp}`),
    title: text("TEXT", "heading of the page; default Posterior, or the title of the benchmark's plan"),
    out: withDefault(text("FILE", "the page"), "report.html"),
    baseline: text("METHOD", "with FOLDER: the method that all others are compared with; default the first"),
    png: toggle("with FOLDER: write the figures as PNG files too, beside the page"),
    engine: engineOption,
    json: toggle("print what was written as JSON"),
  },
  example: {
    command: "galton report --estimator estimator.safetensors --draws draws.json --out report.html",
    result: "Writes report.html, which needs no network and no other file.",
  },

  async run({ words: [folder], options, line }, terminal) {
    const { estimator: file, draws: sources, out, title = "Posterior" } = options;
    if (folder !== undefined) {
      const others = { estimator: file, draws: sources[0], observed: options.observed, data: options.data };
      const [other] = Object.entries(others).filter(([, value]) => value !== undefined);
      if (other) throw new ConfigError(`report: --${other[0]} does not go with the benchmark in ${folder}.`);
      return reportBenchmark(folder, options, line, terminal);
    }
    if (options.png || options.baseline !== undefined) {
      const flag = options.png ? "--png" : "--baseline";
      throw new ConfigError(`report: ${flag} goes with FOLDER, the results of a benchmark.`);
    }
    if (file === undefined && sources.length === 0) {
      throw new ConfigError(
        "report: expected --estimator, --draws or both, or the results folder of a benchmark, got none.",
      );
    }
    if (file === undefined && options.observed !== undefined) {
      throw new ConfigError("report: --observed goes with --estimator, which says the shape of data.");
    }
    const { buildReport } = await import("../report-content.js");
    const { reportPage } = await import("../../report/page.js");
    const { writeReport } = await import("../../report/write.js");
    const { checkWritable } = await import("../files.js");
    await checkWritable(out);
    const content = await buildReport({ ...options, estimator: file, draws: sources, title, command: line });
    terminal.signal.throwIfAborted();
    await writeReport(out, reportPage(content));
    const { sections, warnings = [] } = content;
    if (options.json) {
      terminal.json({ file: out, sections: sections.map(({ heading }) => heading), warnings });
    } else {
      terminal.result(
        [`${out}: ${sections.length} sections`, ...warnings.map((each) => `! ${each}`)].join("\n"),
      );
    }
    return 0;
  },
});

interface BenchmarkOptions {
  readonly out: string;
  readonly png: boolean;
  readonly json: boolean;
  readonly title: string | undefined;
  readonly baseline: string | undefined;
}

async function reportBenchmark(
  folder: string,
  options: BenchmarkOptions,
  line: string,
  terminal: Terminal,
): Promise<number> {
  const { dirname, join } = await import("node:path");
  const { benchmarkReport } = await import("../../../benchmarks/report/report.js");
  const { writeReport } = await import("../../report/write.js");
  const { checkWritable, writeWhole } = await import("../files.js");
  const { out, title, baseline, png } = options;
  await checkWritable(out);
  const { page, sections, warnings, pictures } = await benchmarkReport(folder, {
    command: `galton ${line}`,
    png,
    ...(title !== undefined && { title }),
    ...(baseline !== undefined && { baseline }),
  });
  terminal.signal.throwIfAborted();
  await writeReport(out, page);
  const files = pictures.map(({ file }) => join(dirname(out), file));
  for (const [i, { png: bytes }] of pictures.entries()) await writeWhole(files[i], bytes);
  if (options.json) terminal.json({ file: out, pictures: files, sections, warnings });
  else {
    const written = [`${out}: ${sections.length} sections`, ...files];
    terminal.result([...written, ...warnings.map((each) => `! ${each}`)].join("\n"));
  }
  return 0;
}
