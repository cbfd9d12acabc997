#!/usr/bin/env node
/**
 * A peer without Python: speaks the protocol of benchmarks/peers/sbi-peer.py and knows nothing of inference. The word
 * behind its name says how it misbehaves; any other makes it honest, so that it can stand in GALTON_PYTHON.
 */
import { createInterface } from "node:readline";

const [mode] = process.argv.slice(2);
const say = (value) => console.log(typeof value === "string" ? value : JSON.stringify(value));

if (mode === "no-sbi") {
  console.error("Traceback (most recent call last):\nModuleNotFoundError: No module named 'sbi'");
  process.exit(1);
}
say(mode === "greets-wrongly" ? { hello: "world" } : { python: "3.0", torch: "2.0", sbi: "0.0-fake" });
if (mode === "talks") say("Neural network successfully converged.");

/** `[rows, columns]` of numbers between -1 and 1, equal on every run. */
function draws(rows, columns) {
  const bytes = Buffer.alloc(4 * rows * columns);
  for (let i = 0; i < rows * columns; i++) bytes.writeFloatLE(2 * ((i * 0.618034) % 1) - 1, 4 * i);
  return { shape: [rows, columns], float32: bytes.toString("base64") };
}

const columns = new Map();
const answers = {
  train({ id, theta }) {
    columns.set(id, theta.shape[1]);
    return { estimator: id, cpuSeconds: 1.5 };
  },
  sample: ({ estimator, draws: rows }) => ({
    draws: draws(rows, columns.get(estimator)),
    chains: 4,
    cpuSeconds: 0.5,
  }),
  forget: () => ({}),
  echo: (request) => ({ request }),
};

for await (const line of createInterface({ input: process.stdin })) {
  if (mode === "dies") {
    console.error("MemoryError: no room left");
    process.exit(3);
  }
  if (mode === "hangs") continue;
  if (mode === "rubbish") say("0.5 nats");
  else if (mode === "list") say([1, 2]);
  else if (mode === "fails") say({ error: "ValueError: nothing converged" });
  else {
    const request = JSON.parse(line);
    say(answers[request.do](request));
  }
}
