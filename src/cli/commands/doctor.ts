/**
 * `galton doctor`: what this machine has, what is missing and how to get it.
 *
 * @module
 */
import { defineCommand } from "../command.js";
import { toggle } from "../options.js";
import { galtonPackage, installedVersion } from "../package-info.js";

/** Packages that galton can do without, what for, and the version it was written for. */
const optionalPackages = [
  ["onnxruntime-node", "1.30.0", "the fastest engine"],
  ["@observablehq/plot", "0.6.17", "figures and reports"],
  ["linkedom", "0.18.12", "figures and reports"],
  ["@resvg/resvg-js", "2.6.2", "figures as PNG"],
  ["@tensorflow/tfjs-node", "4.22.0", "a faster fallback engine"],
] as const;

/** The script of onnxruntime-node only fetches GPU libraries, and where it fails npm leaves the package out. */
function installLine(name: string, version: string): string {
  return `npm install ${name === "onnxruntime-node" ? "--ignore-scripts " : ""}${name}@${version}`;
}

/** Looks at engines, packages and threads, and runs a small network. */
export const doctor = defineCommand({
  name: "doctor",
  summary: "say which engine runs here, and why not the others",
  description:
    "Opens every engine, runs a small network on the best one and compares it with TensorFlow.js run step by step, and lists optional packages " +
    "with the line that installs them. Exits with 1 if no engine works or the networks disagree.",
  arguments: [],
  options: { json: toggle("print as JSON") },
  example: {
    command: "galton doctor",
    result: "Prints versions, engines, packages, threads and the outcome of the self test.",
  },

  async run({ options }, terminal) {
    const { arch, availableParallelism, platform, release } = await import("node:os").then((os) => ({
      arch: os.arch(),
      availableParallelism: os.availableParallelism(),
      platform: os.platform(),
      release: os.release(),
    }));
    const { describeEngines } = await import("../../engine/open.js");
    const { selfTest } = await import("../self-test.js");
    const engines = await describeEngines();
    const running = engines.find(({ available }) => available)?.name;
    const test = running && (await selfTest(running));
    const packages = optionalPackages.map(([name, version, use]) => {
      const installed = installedVersion(name);
      return {
        name,
        use,
        installed: installed ?? null,
        install: installed ? null : installLine(name, version),
      };
    });
    const found = {
      galton: galtonPackage().version,
      node: process.versions.node,
      system: `${platform} ${release} ${arch}`,
      threads: availableParallelism,
      engine: running ?? null,
      engines,
      packages,
      selfTest: test ?? null,
    };
    if (options.json) {
      terminal.json(found);
      return test?.passed ? 0 : 1;
    }
    const width = Math.max(...packages.map(({ name }) => name.length));
    terminal.result(
      [
        `galton ${found.galton}, Node.js ${found.node}, ${found.system}, ${found.threads} threads`,
        "",
        "Engines",
        ...engines.map(({ name, available, version, reason }) => {
          const mark = name === running ? "runs" : available ? "works" : "absent";
          return `  ${name.padEnd(5)} ${mark.padEnd(6)}  ${available ? version : reason}`;
        }),
        "",
        "Optional packages",
        ...packages.map(({ name, use, installed, install }) => {
          return `  ${name.padEnd(width)}  ${installed ?? `absent (${use}): ${install}`}`;
        }),
        "",
        test
          ? `Self test: ${test.passed ? "passed" : "FAILED"} on ${running} in ${test.seconds.toFixed(2)} s, largest difference from TensorFlow.js ${test.difference.toExponential(1)}`
          : "Self test: no engine to test",
      ].join("\n"),
    );
    return test?.passed ? 0 : 1;
  },
});
