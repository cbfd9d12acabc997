import { beforeAll, describe, expect, it } from "vitest";
import { EngineError, ShapeError } from "../../src/core/errors.js";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tensor, TensorFunction, Tf } from "../../src/engine/types.js";

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  engine = await openEngine("onnx");
  tf = await loadTf();
  await tf.setBackend("cpu");
});
const specs = { x: { shape: [4, 3] } };

describe("a trace refuses", () => {
  const twice = (f: (x: Tensor) => Tensor): TensorFunction => {
    const once = (x: Tensor) => tf.grad((y: Tensor) => tf.sum(f(y)))(x);
    return (_tf, { x }) => ({ y: tf.grad((y: Tensor) => tf.sum(tf.square(once(y))))(x) });
  };
  const image = (x: Tensor) => tf.reshape(x, [1, 4, 3, 1]) as never;
  const cases: [string, TensorFunction, RegExp][] = [
    ["reading values", (_tf, { x }) => ({ y: tf.add(x, x.dataSync()[0]) }), /compile: values cannot be read/],
    ["random numbers", (_tf, { x }) => ({ y: tf.add(x, tf.randomNormal([4, 3])) }), /randomNormal.*freeze/],
    ["dropout", (_tf, { x }) => ({ y: tf.dropout(x, 0.5) }), /random numbers.*freeze/],
    ["unknown kernels, by name", (_tf, { x }) => ({ y: tf.cumprod(x) }), /kernel Cumprod cannot be compiled/],
    ["a tensor without a name", (_tf, { x }) => x as never, /must return tensors by name/],
    [
      "something that is no tensor",
      () => ({ y: 3 as never }),
      /output "y" must be a tensor, got a value of type number/,
    ],
    ["promises", (async () => ({})) as never, /must be synchronous/],
    [
      "second derivatives of maxPool",
      twice((x) => tf.square(tf.maxPool(image(x), 2, 1, "valid"))),
      /MaxPoolGrad/,
    ],
    [
      "second derivatives of avgPool",
      twice((x) => tf.square(tf.avgPool(image(x), 2, 1, "valid"))),
      /AvgPoolGrad/,
    ],
    ["derivatives of einsum", twice((x) => tf.einsum("ij->ji", x)), /Einsum/],
    [
      "second derivatives of softmaxCrossEntropy",
      twice((x) => tf.losses.softmaxCrossEntropy(tf.ones([4, 3]), x)),
      /softmaxCrossEntropy has no second derivative/,
    ],
  ];
  it.each(cases)("%s", async (_title, fn, message) => {
    const before = tf.memory().numTensors;
    const failure = await engine.compile(fn, specs).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineError);
    expect((failure as Error).message).toMatch(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("tensors from outside", async () => {
    const outside = tf.ones([4, 3]);
    await expect(engine.compile((_tf, { x }) => ({ y: tf.add(x, outside) }), specs)).rejects.toThrow(
      /tensor from outside \(shape \[4,3\], float32\).*`constants`/,
    );
    outside.dispose();
  });

  it("its own tensors after it is over", async () => {
    let escaped: Tensor | undefined;
    const compiled = await engine.compile((_tf, { x }) => {
      escaped = tf.neg(x);
      return { y: escaped };
    }, specs);
    expect(() => escaped!.dataSync()).toThrow(/used after the trace/);
    expect(() => tf.add(escaped!, 1)).toThrow(/used after the trace/);
    await compiled.dispose();
    await expect(compiled.run({ x: new Float32Array(12) })).rejects.toThrow(/disposed/);
  });
});

describe("run refuses", () => {
  const feeds: [string, Record<string, Float32Array>, RegExp][] = [
    ["missing inputs", {}, /input "x" is missing/],
    [
      "unknown inputs",
      { x: new Float32Array(12), z: new Float32Array(1) },
      /unknown input "z"; expected "x"/,
    ],
    ["wrong lengths", { x: new Float32Array(11) }, /shape \[4,3\], so it needs 12 numbers, got 11/],
  ];
  it.each(feeds)("%s", async (_title, given, message) => {
    await using compiled = await engine.compile((_tf, { x }) => ({ y: tf.neg(x) }), specs);
    const failure = await compiled.run(given).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ShapeError);
    expect((failure as Error).message).toMatch(message);
  });
});

it("train refuses a loss that is not a scalar", async () => {
  const program = {
    parameters: [{ name: "w", shape: [3] }],
    tables: { x: { shape: [5, 3] } },
    indices: { rows: 2 },
    batch: { x: { table: "x", index: "rows" } },
    loss: (_tf: Tf, p: Record<string, Tensor>, { x }: Record<string, Tensor>) => tf.mul(p.w, x) as Tensor,
  };
  const options = { tables: { x: new Float32Array(15) }, initial: new Float32Array(3) };
  await expect(engine.train(program, options)).rejects.toThrow(
    /float32 scalar, got a float32 tensor of shape \[2,3\]/,
  );
});

it("every engine says whether it is here", async () => {
  const found = await describeEngines();
  expect(found.map(({ name }) => name)).toEqual(["onnx", "wasm", "tfjs"]);
  for (const { available, version, reason } of found) expect(available ? version : reason).toMatch(/\w/);
  await expect(openEngine("torch" as never)).rejects.toThrow(/unknown engine "torch"/);
});
