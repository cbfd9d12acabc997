import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ExecutorError } from "../../src/core/errors.js";
import { key } from "../../src/core/random.js";
import { ownRoot } from "../../src/executor/own-modules.js";
import { fromPortable, toPortable } from "../../src/executor/portable.js";

const travel = (value: unknown) => fromPortable(toPortable(value, "value"), "value");

describe("a value that travels as text", () => {
  it.each([
    ["what JSON lacks", [Number.NaN, Infinity, -Infinity, -0, undefined, 12345678901234567890n, null]],
    ["a key", key("travel")],
    ["a matrix", { rows: 2, cols: 1, data: Float64Array.of(Number.NaN, -0) }],
    ["a field named $", { $: "Float64Array", base64: 1, more: { $: undefined } }],
    ["a URL", { at: new URL("https://user@example.org/a?b#c") }],
    ["a date, a map and a set", [new Date(0), new Map([[{ a: 1 }, Float32Array.of(1)]]), new Set(["x", 1])]],
    ["holes of an array", [1, undefined, 3]],
    ["whole numbers beyond 32 bits", [2 ** 53, BigInt64Array.of(-(2n ** 63n)), Uint8ClampedArray.of(255)]],
    ["a buffer", new Uint8Array([1, 2, 3]).buffer],
  ])("comes back equal: %s", (_, value) => {
    expect(travel(value)).toEqual(value);
  });

  it("comes back equal, bit for bit, whatever the numbers and names are", () => {
    const numbers = fc.double().map((value) => Float64Array.of(value));
    const names = fc.string().filter((name) => !["__proto__", "constructor", "prototype"].includes(name));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.double(),
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        numbers,
        tie("inner"),
      ),
      inner: fc.oneof(fc.array(tie("value")), fc.dictionary(names, tie("value"), { noNullPrototype: true })),
    }));
    fc.assert(
      fc.property(value, (original) => {
        expect(travel(original)).toStrictEqual(original);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("keeps only the part of a buffer that an array shows", () => {
    const part = new Float64Array([1, 2, 3]).subarray(1, 2);
    expect((travel(part) as Float64Array).buffer.byteLength).toBe(8);
  });

  it("keeps errors with class and cause", () => {
    const error = travel(new ConfigError("bad", { cause: new RangeError("low") })) as Error;
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.cause).toEqual(new RangeError("low"));
  });

  it("names galton's own modules by their place in galton", () => {
    const text = toPortable(import.meta.resolve("../../src/simulate.ts"), "value");
    expect(text).toBe('{"$":"own","name":"src/simulate"}');
    expect(fromPortable(text, "value")).toBe(`${ownRoot}src/simulate.ts`);
  });

  it.each([
    [{ a: [() => 1] }, /value\.a\[0\] cannot be copied: it is a function/],
    [{ a: Symbol("s") }, /value\.a cannot be copied: it is a symbol/],
    [/x/, /value cannot be copied: it is a RegExp/],
    [new Map([["k", new WeakMap()]]), /value\.value 0 cannot be copied: it is a WeakMap/],
    [new DataView(new ArrayBuffer(1)), /value cannot be copied: it is a DataView/],
    [JSON.parse('{"__proto__": 1}'), /value cannot be copied: it has a field named __proto__/],
  ])("refuses %s", (value, message) => {
    expect(() => toPortable(value, "value")).toThrow(message);
  });

  it("refuses what holds itself", () => {
    const ring: unknown[] = [];
    ring.push(ring);
    expect(() => toPortable(ring, "value")).toThrow(/nested more than 100 deep, or holds itself/);
  });
});

describe("the text of a stranger", () => {
  it.each([
    ["", /value is not JSON/],
    ['{"a": {"constructor": 1}}', /value\.a has a field named constructor/],
    ['{"$": "Object", "entries": [["__proto__", 1]]}', /harmless names/],
    ['{"$": "Object", "entries": [[1, 1]]}', /harmless names/],
    ['{"$": "Map", "entries": [[1]]}', /value is malformed: expected pairs/],
    ['{"$": "Map", "entries": {}}', /expected the list "entries"/],
    ['{"$": "Float64Array", "base64": "AAAA"}', /expected a multiple of 8 bytes/],
    ['{"$": "Uint8Array", "base64": "A*=="}', /expected base64/],
    ['{"$": "Uint8Array", "base64": "AA==", "length": 9}', /expected the field "base64" alone/],
    ['{"$": "number", "value": "1e999"}', /expected NaN, an infinity or -0/],
    ['{"$": "bigint", "value": "0x1"}', /expected an integer/],
    ['{"$": "own", "name": "src/../../etc/passwd"}', /expected the name of a module of galton/],
    ['{"$": "own", "name": "examples/01"}', /expected the name of a module of galton/],
    ['{"$": "URL", "href": "nowhere"}', /expected a URL/],
    ['{"$": "Date", "time": "now"}', /expected a time/],
    ['{"$": "Error", "error": {"name": 1, "message": "m"}}', /expected an error/],
    ['{"$": "toString", "base64": ""}', /expected a kind that is known/],
    ['{"$": null}', /expected a kind that is known/],
  ])("is refused: %s", (text, message) => {
    expect(() => fromPortable(text, "value")).toThrow(ExecutorError);
    expect(() => fromPortable(text, "value")).toThrow(message);
  });

  it("never changes an object that it does not make", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        try {
          fromPortable(text, "value");
        } catch (error) {
          expect(error).toBeInstanceOf(ExecutorError);
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
