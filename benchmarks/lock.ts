/**
 * A lock file: one runner in one folder. It names its process, so the lock of a process that was killed is told
 * from one that is held, and taken over.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { ConfigError } from "../src/core/errors.js";

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process started, in the system's own count; tells a process from a later one of the same number. */
  readonly started?: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** A lock that is held. */
export interface Lock {
  /** Whether a dead process had left its lock behind. */
  readonly wasTakenOver: boolean;
  release(): Promise<void>;
}

/**
 * Takes the lock at `path`.
 *
 * @throws {ConfigError} if a living process holds it, or one on another machine, of which nobody here can tell.
 */
export async function takeLock(path: string): Promise<Lock> {
  const { pid } = process;
  const owner: Owner = {
    host: hostname(),
    pid,
    started: await startOf(pid),
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(owner)}\n`;
  const own = `${path}.${randomUUID()}.tmp`;
  await writeFile(own, text);
  try {
    let wasTakenOver = false;
    for (;;) {
      try {
        await link(own, path); // fails if it is there; never seen half-written
        return { wasTakenOver, release: () => release(path, text) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const found = await readFile(path, "utf8").catch(() => undefined);
      if (found === undefined) continue; // released this moment
      await refuseIfHeld(path, found);
      wasTakenOver = true;
      await setAside(path, found);
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function refuseIfHeld(path: string, text: string): Promise<void> {
  let owner: Partial<Owner>;
  try {
    owner = JSON.parse(text);
  } catch {
    owner = {};
  }
  const { host, pid, started, since } = owner;
  const advice = `If that is wrong, delete ${path}.`;
  if (typeof pid !== "number" || typeof host !== "string") {
    throw new ConfigError(`bench: ${path} is no lock of galton's. ${advice}`);
  }
  if (host !== hostname()) {
    throw new ConfigError(
      `bench: the folder is in use by process ${pid} on ${host}, since ${since}. ${advice}`,
    );
  }
  if (isAlive(pid) && (await startOf(pid)) === started) {
    throw new ConfigError(
      `bench: the folder is in use by process ${pid}, since ${since}: wait for it or stop it. ${advice}`,
    );
  }
}

/** Moves a dead lock away; of several that try, one succeeds, and none takes away a lock that is new. */
async function setAside(path: string, dead: string): Promise<void> {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = await readFile(aside, "utf8");
  if (moved !== dead) await link(aside, path).catch(() => undefined); // it was somebody's new lock: put it back
  await rm(aside, { force: true });
}

async function release(path: string, text: string): Promise<void> {
  const found = await readFile(path, "utf8").catch(() => undefined);
  if (found === text) await rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Start of a process since boot and the boot it belongs to, on Linux; `undefined` elsewhere. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return `${boot.trim()} ${fields[19]}`; // the 22nd, counted from the process number
  } catch {
    return undefined;
  }
}
