import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ConfigError, ExecutorError } from "../../src/core/errors.js";
import { key } from "../../src/core/random.js";
import { bullmq } from "../../src/executor/bullmq.js";
import { startWorker } from "../../src/executor/bullmq-worker.js";
import type { Job } from "../../src/executor/executor.js";
import { describeWithRedis, freePort, startRedis } from "./redis-server.js";

const module = new URL("./jobs.ts", import.meta.url);
const job = (exportName: string, input: unknown = undefined): Job => ({ module, exportName, input });

describeWithRedis("the connection of bullmq", () => {
  const draw = { ...job("draw", { n: 3 }), key: key(2) };

  it("uses a password, and repeats none in errors", async () => {
    await using server = await startRedis("--requirepass", "s3cret@word");
    const address = (password: string) => `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
    const redis = address("s3cret@word");
    await using _worker = await startWorker({ redis, allow: [module], concurrency: 1 });
    await using farm = bullmq({ redis });
    expect(await farm.run(draw)).toHaveLength(3);
    await using wrong = bullmq({ redis: address("wr0ng-word") });
    const error = await wrong.run(draw).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(ExecutorError);
    expect((error as Error).message).toMatch(
      /^bullmq: cannot connect to redis:\/\/127\.0\.0\.1:\d+: WRONGPASS/,
    );
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/wr0ng/);
    await using none = bullmq({ redis: server.url });
    await expect(none.run(draw)).rejects.toThrow(/NOAUTH.*redis:\/\/USER:PASSWORD@HOST/);
  });

  it("says where nothing answers", async () => {
    await using farm = bullmq({ redis: `redis://ann:pa55@127.0.0.1:${await freePort()}` });
    const error = await farm.run(draw).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/cannot connect to redis:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/pa55/);
  });

  it.skipIf(spawnSync("openssl", ["version"]).status !== 0)(
    "encrypts with rediss:// and checks the certificate",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "galton-tls-"));
      try {
        const [certificate, secret] = [join(folder, "cert.pem"), join(folder, "key.pem")];
        const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
        const made = [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-days",
          "2",
          "-keyout",
          secret,
          "-out",
          certificate,
        ];
        expect(spawnSync("openssl", [...made, ...subject]).status).toBe(0);
        const port = await freePort();
        const files = [
          "--tls-cert-file",
          certificate,
          "--tls-key-file",
          secret,
          "--tls-ca-cert-file",
          certificate,
        ];
        await using _server = await startRedis(
          "--tls-port",
          String(port),
          ...files,
          "--tls-auth-clients",
          "no",
          "--requirepass",
          "pw",
        );
        const redis = { host: "localhost", port, password: "pw", tls: { ca: readFileSync(certificate) } };
        await using _worker = await startWorker({ redis, allow: [module], concurrency: 1 });
        await using farm = bullmq({ redis });
        expect(await farm.run(draw)).toHaveLength(3);
        await using stranger = bullmq({ redis: `rediss://:pw@localhost:${port}` });
        await expect(stranger.run(draw)).rejects.toThrow(
          /rediss:\/\/localhost:\d+: self-signed certificate\. .*NODE_EXTRA_CA_CERTS/,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe("the options of bullmq and startWorker", () => {
  it.each([
    [{ inFlight: 3 }, /inFlight must be an even number/],
    [{ maxBytes: 0 }, /maxBytes must be a positive number/],
    [{ queue: "a:b" }, /queue must be 1 to 100 letters/],
  ])("rejects %s", (options, message) => {
    expect(() => bullmq({ redis: "redis://localhost", ...options })).toThrow(message);
  });

  it.each([
    "localhost:6379",
    "http://ann:pa55@host",
    "redis://ann:pa55%@host",
    "redis://ann:pa55@host/name",
  ])("rejects the address %s without repeating it", async (redis) => {
    await using farm = bullmq({ redis });
    const error = await farm.run(job("draw", { n: 1 })).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(/redis must be a URL such as redis:\/\/localhost:6379/);
    expect(inspect(error)).not.toMatch(/pa55/);
  });

  it.each([
    [{ concurrency: 1.5 }, /concurrency must be a positive integer/],
    [{ lockSeconds: 0 }, /lockSeconds must be a positive number/],
    [{ allow: ["./absent"] }, /allow: expected a file or folder that exists/],
    [{ allow: ["node:fs"] }, /allow: expected the name of a package/],
  ])("rejects %s", async (options, message) => {
    await expect(startWorker({ redis: "redis://localhost", ...options })).rejects.toThrow(message);
  });
});
