/**
 * `npm run bench:engine`: CPU time per training step on every engine present, and beside PyTorch where
 * `GALTON_PYTHON` names an interpreter with torch, all taking turns in one run.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import type { Engine, EngineName } from "../../src/engine/types.js";
import { onEngine, openPeer, type Peer } from "./contenders.js";
import { type BenchmarkNetwork, networks } from "./networks.js";
import { race } from "./race.js";

const engineNames: readonly EngineName[] = ["onnx", "wasm", "tfjs"];

const help = `Usage: npm run bench:engine -- [options]

CPU milliseconds per training step (gather, forward, backward, Adam), one thread, the fastest of many short
rounds taken in turns. Set GALTON_PYTHON to a Python interpreter with torch to time PyTorch beside; flows need sbi there, too.

Options:
  --networks <names>  comma-separated; default all:
${networks.map(({ name, description }) => `                        ${name.padEnd(11)} ${description}`).join("\n")}
  --engines <names>   comma-separated, of ${engineNames.join(", ")}; default all that work here
  --rounds <n>        rounds per network; default 40
  --json              one JSON object per line: network, engine, threads, cpuMsPerStep
  --help              this text

Examples:
  GALTON_PYTHON=python3 npm run bench:engine -- --networks mlp-small,conv --engines onnx
  npm run --silent bench:engine -- --json > timings.jsonl`;

/** The fields of one JSON line. */
interface Timing {
  readonly network: string;
  readonly engine: string;
  readonly threads: number;
  readonly cpuMsPerStep: number;
}

interface Options {
  readonly chosen: readonly BenchmarkNetwork[];
  readonly engines: readonly EngineName[] | undefined;
  readonly rounds: number;
  readonly json: boolean;
}

/** Reads the command line; `undefined` asks for help. */
function parse(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      networks: { type: "string" },
      engines: { type: "string" },
      rounds: { type: "string", default: "40" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds must be a positive whole number, got ${values.rounds}.`);
  }
  const names = networks.map(({ name }) => name);
  const wanted = choose("networks", values.networks, names) ?? names;
  return {
    chosen: networks.filter(({ name }) => wanted.includes(name)),
    engines: choose("engines", values.engines, engineNames),
    rounds,
    json: values.json,
  };
}

function choose<Name extends string>(
  flag: string,
  given: string | undefined,
  known: readonly Name[],
): readonly Name[] | undefined {
  return given?.split(",").map((name) => {
    if (!known.includes(name as Name)) {
      throw new RangeError(`--${flag} names "${name}"; expected ${known.join(", ")}.`);
    }
    return name as Name;
  });
}

/** The engines asked for, or all that work here. */
async function openEngines(names: readonly EngineName[] | undefined): Promise<Engine[]> {
  const wanted =
    names ?? (await describeEngines()).filter(({ available }) => available).map(({ name }) => name);
  return Promise.all(wanted.map((name) => openEngine(name)));
}

async function measure(
  network: BenchmarkNetwork,
  engines: readonly Engine[],
  peer: Peer | undefined,
  rounds: number,
): Promise<Timing[]> {
  const ours = [];
  for (const engine of engines) ours.push(await onEngine(engine, network));
  const theirs = peer?.contender(network);
  const contenders = theirs === undefined ? ours : [...ours, theirs];
  try {
    const times = await race(contenders, rounds);
    return contenders.map(({ engine, threads }, i) => ({
      network: network.name,
      engine,
      threads,
      cpuMsPerStep: Number(times[i].toPrecision(4)),
    }));
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

/** `torch / engine`: how many times faster the engine is. */
function table(timings: readonly Timing[]): string {
  const torch = timings.find(({ engine }) => engine === "torch");
  return timings
    .map(({ network, engine, cpuMsPerStep }) => {
      const ratio =
        torch === undefined || engine === "torch" ? "" : (torch.cpuMsPerStep / cpuMsPerStep).toFixed(2);
      return `${network.padEnd(12)}${engine.padEnd(8)}${String(cpuMsPerStep).padStart(10)}${ratio.padStart(14)}`;
    })
    .join("\n");
}

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options === undefined) {
    console.log(help);
    return;
  }
  const engines = await openEngines(options.engines);
  const python = process.env.GALTON_PYTHON;
  const peer = python === undefined || python === "" ? undefined : await openPeer(python);
  try {
    if (!options.json) {
      const versions = [...engines.map(({ version }) => version), ...(peer ? [`torch ${peer.version}`] : [])];
      console.log(`${versions.join(", ")}; 1 thread; load ${loadavg()[0].toFixed(1)}`);
      console.log(`network     engine   CPU ms/step  torch / engine`);
    }
    for (const network of options.chosen) {
      const timings = await measure(network, engines, peer, options.rounds);
      if (options.json) for (const timing of timings) console.log(JSON.stringify(timing));
      else console.log(table(timings));
    }
  } finally {
    await peer?.close();
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`bench:engine: ${error.message}`);
  process.exitCode = 1;
});
