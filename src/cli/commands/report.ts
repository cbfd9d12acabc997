/**
 * `galton report`: one page that shows a result and how far to trust it.
 *
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { dataHelp } from "../data-argument.js";
import { engineOption } from "../engine-option.js";
import { repeated, text, toggle, withDefault } from "../options.js";

/** Builds a self-contained HTML page from an estimator, draws and an observation. */
export const report = defineCommand({
  name: "report",
  summary: "build one self-contained HTML page from an estimator and draws",
  description:
    "Shows what there is: corner plot and table of all draws, chains, training curve, coverage and calibration ranks, the observation, all " +
    "warnings, and how everything was made. The same files give the same page.",
  arguments: [],
  options: {
    estimator: text("FILE", "file that galton train wrote"),
    draws: repeated(text("FILE", "file that galton sample wrote; LABEL=FILE names it")),
    observed: text("DATA", "what was measured, as for galton sample; default what the draws say"),
    data: text("DATA", `simulations to look for the observation in: ${dataHelp}`),
    title: withDefault(text("TEXT", "heading of the page"), "Posterior"),
    out: withDefault(text("FILE", "the page"), "report.html"),
    engine: engineOption,
    json: toggle("print what was written as JSON"),
  },
  example: {
    command: "galton report --estimator estimator.safetensors --draws draws.json --out report.html",
    result: "Writes report.html, which needs no network and no other file.",
  },

  async run({ options, line }, terminal) {
    const { estimator: file, draws: sources, out, title } = options;
    if (file === undefined && sources.length === 0) {
      throw new ConfigError("report: expected --estimator, --draws or both, got neither.");
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
