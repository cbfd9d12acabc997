/** Tests that need a Redis of their own. */
import { describe } from "vitest";
import { hasRedis } from "../../benchmarks/executor/redis-server.js";

export { freePort, type RedisServer, startRedis } from "../../benchmarks/executor/redis-server.js";

/** `describe`, or a skipped test whose title says that redis-server is not installed. */
export const describeWithRedis = hasRedis()
  ? describe
  : (title: string, _: () => void) =>
      describe.skip(`${title} (skipped: redis-server is not installed)`, () => {});
