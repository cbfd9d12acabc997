/**
 * `npm run bench:peers`: our ratio estimators and those of the Python package sbi on the same simulations, taking turns
 * in one run and scored by the same code.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../../src/core/errors.js";
import { parsePlan, type ResolvedPlan, resolvePlan } from "../plan.js";
import { readRange } from "../plan-schema.js";
import { flatRecord, type JobRecord } from "../record.js";
import { runPlan } from "../runner.js";
import { sbiPeer } from "./sbi.js";
import { comparedMethods, peersTable } from "./table.js";

const defaults = {
  problems: "two_moons,slcp,gaussian_linear,gaussian_linear_uniform,gaussian_mixture",
  methods: comparedMethods.join(),
  simulations: "10000",
  observations: "1-3",
  seeds: "1",
  draws: "10000",
  scores: "c2st,mmd,auc",
  out: "results/peers",
} as const;

const help = `Usage: GALTON_PYTHON=PYTHON npm run bench:peers -- [options]

Trains and samples ours and the ratio estimators of the Python package sbi on the same simulations and observations,
in turns, each in one thread, and scores all draws by the same code. A run that was stopped goes on when it is
started again. GALTON_PYTHON names an interpreter that has sbi:

  python3 -m venv ../sbi-venv && ../sbi-venv/bin/pip install sbi

Options, lists are words or whole numbers separated by commas, and ranges such as 1-3:
  --problems <names>      default ${defaults.problems}
  --methods <names>       default ${defaults.methods};
                          sbi-... have sbi's defaults, ...-matched our network, batches and contrasts
  --simulations <list>    budgets; default ${defaults.simulations}
  --observations <list>   default ${defaults.observations}
  --seeds <list>          default ${defaults.seeds}
  --draws <n>             draws of each posterior; default ${defaults.draws}
  --scores <names>        default ${defaults.scores}
  --out <folder>          results; default ${defaults.out}
  --json                  one JSON object per finished job, with what is installed, and nothing else
  --help                  this text

Example, half a minute for each training of sbi's with its defaults:
  GALTON_PYTHON=../sbi-venv/bin/python npm run bench:peers -- --problems two_moons --observations 1
  npm run galton -- report results/peers --out peers.html`;

type Words = { readonly [Name in keyof typeof defaults]: string };

/** The jobs that the flags ask for. */
async function planOf({
  problems,
  methods,
  simulations,
  observations,
  seeds,
  draws,
  scores,
}: Words): Promise<ResolvedPlan> {
  const numbers = (flag: string, text: string) => {
    const list = readRange(text);
    if (list) return list;
    throw new ConfigError(`--${flag} must be whole numbers such as 1,2,3 or 1-3, got "${text}".`);
  };
  const [count, ...others] = numbers("draws", draws);
  if (others.length > 0) throw new ConfigError(`--draws must be one whole number, got "${draws}".`);
  const plan = {
    name: "peers",
    title: "galton and sbi on the same simulations",
    problems: problems.split(","),
    methods: methods.split(","),
    simulations: numbers("simulations", simulations),
    observations: numbers("observations", observations),
    seeds: numbers("seeds", seeds),
    scores: scores.split(","),
    draws: count,
  };
  return resolvePlan(await parsePlan(plan, "bench:peers"), { where: "bench:peers" });
}

function describe(record: JobRecord): string {
  const { problem, method, simulations, observation, seed, cost } = record;
  const job = `${problem} ${method} n=${simulations} observation ${observation} seed ${seed}: `;
  if (record.status === "failed") return `${job}FAILED: ${record.error.message}`;
  const scores = Object.entries(record.scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const seconds = `train ${cost.trainCpuSeconds.toFixed(1)} CPU s, sample ${cost.sampleCpuSeconds.toFixed(2)} CPU s`;
  return job + [...scores, seconds].join(", ");
}

async function main(args: readonly string[]): Promise<void> {
  const text = (name: keyof typeof defaults) => ({ type: "string", default: defaults[name] }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      problems: text("problems"),
      methods: text("methods"),
      simulations: text("simulations"),
      observations: text("observations"),
      seeds: text("seeds"),
      draws: text("draws"),
      scores: text("scores"),
      out: text("out"),
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const plan = await planOf(values);
  const { installed } = await sbiPeer(); // before anything is trained
  const { records, failed } = await runPlan(plan, {
    out: values.out,
    onNote: (note) => console.error(note),
    onRecord: (record) =>
      console.log(values.json ? JSON.stringify({ ...flatRecord(record), installed }) : describe(record)),
  });
  if (!values.json) console.log(`\n${peersTable(records, "npm run bench:peers")}`);
  if (failed > 0) process.exitCode = 1;
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message.replace(/^(bench:peers: )?/, "bench:peers: "));
  process.exitCode = 1;
});
