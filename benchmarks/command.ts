/**
 * The benchmark's command line: one problem, one method, one budget; a line per observation.
 *
 * @module
 */
import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "../src/core/errors.js";
import { type BenchRecord, bench } from "./bench.js";
import { methods } from "./methods.js";
import { problems } from "./problems.js";

const help = `galton bench: accuracy and cost of a method on a problem whose posterior is known

  npm run bench -- --problem slcp --method aalr --simulations 10000 --observations 1,2,3

Options
  --problem NAME         ${Object.keys(problems).join(", ")}
  --method NAME          ${Object.keys(methods).join(", ")} (default aalr)
  --simulations N        rows to train on (default 10000)
  --observations LIST    numbers, separated by commas (default 1)
  --seed N               default 1
  --contrasts K          contrasts per simulation, instead of the method's own
  --epochs N             passes over the simulations, instead of the default
  --batch-size N         rows per step, instead of the default
  --ensemble N           networks, averaged (default 1)
  --engine NAME          onnx, wasm or tfjs (default: the fastest present)
  --quick                compare 1,000 draws instead of 10,000
  --out FILE             append the results here, one JSON object per line (default results/bench.jsonl)
  --json                 one JSON object per line on standard output, nothing else
  --help
`;

const flags = {
  problem: { type: "string" },
  method: { type: "string", default: "aalr" },
  simulations: { type: "string", default: "10000" },
  observations: { type: "string", default: "1" },
  seed: { type: "string", default: "1" },
  contrasts: { type: "string" },
  epochs: { type: "string" },
  "batch-size": { type: "string" },
  ensemble: { type: "string" },
  engine: { type: "string" },
  quick: { type: "boolean", default: false },
  out: { type: "string", default: "results/bench.jsonl" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/**
 * Runs the benchmark as its arguments say.
 *
 * @returns the exit status: 0, or 1 with a message on standard error for a mistake in the arguments.
 */
export async function benchCommand(argv: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...argv], options: flags, strict: true });
    if (values.help) {
      process.stdout.write(help);
      return 0;
    }
    if (!values.problem)
      throw new ConfigError(
        `bench: --problem is missing; expected one of ${Object.keys(problems).join(", ")}.`,
      );
    const whole = (flag: "simulations" | "seed" | "contrasts" | "epochs" | "batch-size" | "ensemble") => {
      const text = values[flag];
      return text === undefined ? undefined : wholeNumber(`--${flag}`, text);
    };
    const records = await bench({
      problem: values.problem,
      method: values.method,
      simulations: whole("simulations")!,
      observations: values.observations.split(",").map((text) => wholeNumber("--observations", text)),
      seed: whole("seed")!,
      quick: values.quick,
      training: withoutUndefined({
        contrasts: whole("contrasts"),
        epochs: whole("epochs"),
        batchSize: whole("batch-size"),
        ensemble: whole("ensemble"),
        engine: values.engine as "onnx" | undefined,
      }),
      ...(!values.json && { onTrainProgress }),
      async onRecord(record) {
        await mkdir(dirname(values.out), { recursive: true });
        await appendFile(values.out, `${JSON.stringify(record)}\n`);
        if (values.json) process.stdout.write(`${JSON.stringify(record)}\n`);
        else process.stdout.write(`${describe(record)}\n`);
      },
    });
    if (!values.json && records.length > 1) {
      const mean = records.reduce((sum, { c2st }) => sum + c2st / records.length, 0);
      process.stdout.write(
        `mean C2ST over ${records.length} observations: ${mean.toFixed(4)}; stored in ${values.out}\n`,
      );
    }
    return 0;
  } catch (error) {
    const mistake =
      error instanceof ConfigError ||
      error instanceof RangeError ||
      (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
    if (!mistake) throw error;
    process.stderr.write(`${(error as Error).message}\nTry --help.\n`);
    return 1;
  }
}

function onTrainProgress({
  epoch,
  epochsTotal,
  validationLoss,
}: {
  epoch: number;
  epochsTotal: number;
  validationLoss: number;
}) {
  if (epoch % 10 === 0 || epoch === epochsTotal) {
    process.stderr.write(`epoch ${epoch} of ${epochsTotal}, validation loss ${validationLoss.toFixed(4)}\n`);
  }
}

function describe(r: BenchRecord): string {
  const perSecond = Math.round(r.draws / r.sampleCpuSeconds);
  return (
    `${r.problem} ${r.method} n=${r.simulations} observation ${r.observation} seed ${r.seed}: ` +
    `C2ST ${r.c2st.toFixed(3)}  MMD ${r.mmd.toFixed(3)}  AUC ${r.auc.toFixed(3)}  ` +
    `train ${r.trainCpuSeconds.toFixed(1)} CPU s  sample ${r.sampleCpuSeconds.toFixed(2)} CPU s (${perSecond} draws per CPU s)  ` +
    `R-hat ${r.rhat.toFixed(3)}  bulk ESS ${Math.round(r.essBulk)}`
  );
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) {
    throw new ConfigError(`bench: ${flag} must be a whole number, got "${text}".`);
  }
  return value;
}

function withoutUndefined<T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never;
}
