/** A Redis of the test's own: on a free loopback port, in a temporary folder, writing nothing to disk. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "vitest";

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts again on the same port, having forgotten everything. */
  start(): Promise<void>;
}

const present = spawnSync("redis-server", ["--version"]).status === 0;

/** `describe`, or a skipped test whose title says that redis-server is not installed. */
export const describeWithRedis = present
  ? describe
  : (title: string, _: () => void) =>
      describe.skip(`${title} (skipped: redis-server is not installed)`, () => {});

/** Starts a server; `extra` are further words of its command line, which may hold PORT. */
export async function startRedis(...extra: string[]): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "galton-redis-"));
  const words = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--dir",
    folder,
  ];
  let process: ChildProcess | undefined;
  const start = async () => {
    process = spawn("redis-server", [...words, ...extra], { stdio: "ignore" });
    for (let attempt = 0; !(await accepts(port)); attempt++) {
      if (attempt > 200 || process.exitCode !== null)
        throw new Error(`redis-server does not listen on ${port}`);
      await sleep(20);
    }
  };
  const kill = async () => {
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, "exit");
    process.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
