import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { foldIn, type Key, key, split, stream, threefry2x32 } from "../../src/core/random.js";
import { describeWithReference } from "../reference.js";
import { mean } from "./statistics.js";

describeWithReference("keys agree with JAX", "posteriordb/rng_golden.json", (path) => {
  const golden = JSON.parse(readFileSync(path, "utf8"));

  it("encrypts the Random123 known answers", () => {
    for (const block of golden.threefry2x32_20) {
      expect(threefry2x32(block.key, block.ctr[0], block.ctr[1])).toEqual(block.out);
    }
  });

  it("makes, splits and folds keys as jax.random does", () => {
    const root = key(42);
    expect(root).toEqual(golden.jax.PRNGKey_42);
    expect(split(root, 3)).toEqual(golden.jax.split_42_3);
    expect(foldIn(root, 7)).toEqual(golden.jax.fold_in_42_7);
  });
});

it("gives the published first block of Threefry-2x32-20", () => {
  expect(threefry2x32([0, 0], 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
});

it("turns equal strings into equal keys and different strings into different keys", () => {
  expect(key("hello")).toEqual(key("hello"));
  expect(key("hello")).not.toEqual(key("hellp"));
  expect(foldIn(key(1), "warmup")).not.toEqual(foldIn(key(1), "sample"));
});

it("keeps the high bits of large seeds and indices", () => {
  expect(key(2 ** 32 + 5)).toEqual([1, 5]);
  expect(foldIn(key(0), 2 ** 32 + 5)).not.toEqual(foldIn(key(0), 5));
});

it.each([undefined, null, 3n])("takes no seed from the clock when it is %s", (missing) => {
  expect(() => key(missing as never)).toThrow(/key: seed must be a string or a non-negative integer/);
});

it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])("rejects the seed and the index %s", (bad) => {
  expect(() => key(bad)).toThrow(/key: seed must be/);
  expect(() => foldIn([0, 1], bad)).toThrow(/foldIn: data must be/);
});

it("never starts a stream at the words of a child key", () => {
  const parent = key(3);
  const words = new Set(stream(parent).state());
  for (let i = 0; i < 10_000; i++) {
    for (const word of foldIn(parent, i)) expect(words.has(word)).toBe(false);
  }
});

it("gives streams of neighbouring keys that do not correlate", () => {
  const n = 2000;
  const streams = Array.from({ length: 60 }, (_, i) => stream(foldIn(key(9), i)).normals(n));
  let worst = 0;
  for (let a = 0; a < streams.length; a++) {
    for (let b = 0; b < a; b++) {
      worst = Math.max(worst, Math.abs(mean(streams[a].map((value, i) => value * streams[b][i]))));
    }
  }
  // 1770 correlations of standard deviation 1/sqrt(n): the largest of them is below 5 with p > 0.998
  expect(worst * Math.sqrt(n)).toBeLessThan(5);
});

it("is one purpose, one key: a key type is two plain words", () => {
  const plain: Key = JSON.parse(JSON.stringify(key("x")));
  expect(stream(plain).uniform()).toBe(stream(key("x")).uniform());
});
