/**
 * What is timed: training steps of one network on one engine, here or in a PyTorch process.
 *
 * CPU time of the whole process is measured, not wall time, so that other programs on the machine disturb
 * less; the minimum over many short rounds, taken in turns, disturbs least.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../src/engine/types.js";
import { type BenchmarkNetwork, workload } from "./networks.js";

/** Something that trains a network. */
export interface Contender {
  readonly engine: string;
  readonly threads: number;
  readonly stepsPerCall: number;
  /** Takes `calls` calls of the network's steps; CPU milliseconds per step. */
  round(calls: number): Promise<number>;
  close(): Promise<void>;
}

/** The network on one of our engines. */
export async function onEngine(engine: Engine, network: BenchmarkNetwork): Promise<Contender> {
  const { program, tables, initial, indices } = workload(network);
  // the eager engine does the same work per step however many steps a call has
  const steps = engine.name === "tfjs" ? 1 : network.stepsPerCall;
  const rows = indices.subarray(0, steps * network.architecture.rows);
  const rates = new Float64Array(steps).fill(1e-3);
  const session = await engine.train(program, { tables, initial });
  return {
    engine: engine.name,
    threads: 1,
    stepsPerCall: steps,
    async round(calls) {
      const before = process.cpuUsage();
      for (let i = 0; i < calls; i++) await session.run(rates, { rows });
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000 / (calls * steps);
    },
    close: () => session.dispose(),
  };
}

/** A PyTorch process that trains any of the networks on request. */
export interface Peer {
  readonly version: string;
  /** `undefined` for a flow where sbi, whose flows they are, is not installed. */
  contender(network: BenchmarkNetwork): Contender | undefined;
  close(): Promise<void>;
}

/**
 * Starts PyTorch, single-threaded.
 *
 * @param python - an interpreter that has torch.
 * @throws {Error} if the interpreter cannot be started or has no torch.
 */
export async function openPeer(python: string): Promise<Peer> {
  const script = fileURLToPath(new URL("torch-peer.py", import.meta.url));
  const child = spawn(python, [script], {
    env: { ...process.env, OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => {
    complaint = `${complaint}${text}`.slice(-500);
  });
  const ended = new Promise<never>((_resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${python} (GALTON_PYTHON) ${why}. ${complaint.trim()}`));
    child.on("error", (error) => fail(`cannot be started: ${error.message}`));
    child.on("exit", (code) => fail(`ended with code ${code}`));
  });
  ended.catch(() => undefined); // told by whoever waits for a line
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await Promise.race([lines.next(), ended]);
    if (line.done === true) return ended;
    return JSON.parse(line.value) as Record<string, unknown>;
  };
  const { version, sbi } = (await next()) as { version: string; sbi: string | null };

  return {
    version: sbi === null ? version : `${version} with sbi ${sbi}`,
    contender: ({ name, architecture, stepsPerCall, tableRows }) =>
      architecture.kind === "flow" && sbi === null
        ? undefined
        : {
            engine: "torch",
            threads: 1,
            stepsPerCall,
            async round(calls) {
              const steps = calls * stepsPerCall;
              child.stdin.write(`${JSON.stringify({ name, architecture, tableRows, steps })}\n`);
              const { cpuSeconds } = (await next()) as { cpuSeconds: number };
              return (1000 * cpuSeconds) / steps;
            },
            close: async () => undefined,
          },
    async close() {
      child.stdin.end();
      await ended.catch(() => undefined);
    },
  };
}
