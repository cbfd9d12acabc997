import { afterEach, describe, expect, it, vi } from "vitest";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { loadTf } from "../../src/engine/tfjs.js";

/** Makes a package fail to load, as it does where it is not installed. */
function without(...packages: string[]) {
  for (const name of packages) {
    vi.doMock(name, () => {
      throw new Error(`Cannot find package '${name}'`);
    });
  }
}

afterEach(() => {
  vi.doUnmock("onnxruntime-node");
  vi.doUnmock("onnxruntime-web");
});

describe("without an onnxruntime", () => {
  it.each([
    ["wasm", ["onnxruntime-node"]],
    ["tfjs", ["onnxruntime-node", "onnxruntime-web"]],
  ])("auto falls back to %s, which computes", async (name, absent) => {
    without(...absent);
    const engine = await openEngine();
    expect(engine.name).toBe(name);
    const double = await engine.compile((tf, { x }) => ({ result: tf.mul(x, 2) }), { x: { shape: [3] } });
    const { result } = await double.run({ x: Float32Array.of(1, 2, 3) });
    expect([...result]).toEqual([2, 4, 6]);
    await double.dispose();
  });

  it("says which engine is absent and what to do", async () => {
    without("onnxruntime-node", "onnxruntime-web");
    const [onnx, wasm, tfjs] = await describeEngines();
    expect(onnx).toMatchObject({ name: "onnx", available: false });
    expect(onnx.reason).toMatch(
      /Run "npm install --ignore-scripts onnxruntime-node" .* or use engine "wasm"/,
    );
    expect(wasm).toMatchObject({ name: "wasm", available: false });
    expect(wasm.reason).toMatch(/Run "npm install onnxruntime-web", or use engine "tfjs"/);
    expect(tfjs).toMatchObject({ name: "tfjs", available: true });
    await expect(openEngine("onnx")).rejects.toThrow(/onnxruntime-node could not be loaded/);
  });
});

it("TensorFlow.js prints no advertisement, neither on an engine nor beside it", async () => {
  const prints = (["log", "info", "warn", "error"] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation(() => {}),
  );
  const tf = await loadTf();
  tf.dispose(tf.tensor([1, 2]));
  for (const print of prints) {
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  }
});
