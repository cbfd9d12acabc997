import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeTensors, encodeTensors, readTensors, writeTensors } from "../../src/train/safetensors.js";

const file = {
  header: { kind: "test", note: "µ ± σ", list: [1, 2.5] },
  tensors: {
    a: Float32Array.of(1, -0, 3.5e-40, Infinity),
    empty: new Float32Array(0),
    b: Float32Array.of(7),
  },
};

describe("safetensors files", () => {
  it("give back the same header and the same bits", () => {
    const { header, tensors } = decodeTensors(encodeTensors(file), "test");
    expect(header).toEqual(file.header);
    expect(Object.keys(tensors)).toEqual(["a", "empty", "b"]);
    expect(new Uint8Array(tensors.a.buffer)).toEqual(new Uint8Array(file.tensors.a.buffer));
  });

  it("follow the published layout: length, JSON, raw little-endian data at the stated offsets", () => {
    const bytes = encodeTensors(file);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(json.b).toEqual({ dtype: "F32", shape: [1], data_offsets: [16, 20] });
    expect(new DataView(bytes.buffer).getFloat32(8 + length + 16, true)).toBe(7);
    expect((8 + length) % 8).toBe(0);
  });

  it("survive the disk and leave no partial file behind", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "galton-")), "deep", "file.safetensors");
    await writeTensors(path, file);
    expect(await readTensors(path)).toEqual(file);
    await expect(readFile(`${path}.part`)).rejects.toThrow();
  });

  it("are refused when cut short, empty, or not ours", async () => {
    const bytes = encodeTensors(file);
    expect(() => decodeTensors(bytes.subarray(0, bytes.length - 3), "cut")).toThrow(/cut: not a readable/);
    expect(() => decodeTensors(bytes.subarray(0, 5), "short")).toThrow(/short: not a readable.*5 bytes/);
    expect(() => decodeTensors(bytes.subarray(0, 40), "head")).toThrow(/the file ends before it/);
    expect(() => decodeTensors(new TextEncoder().encode("PK\u0003\u0004 something else"), "zip")).toThrow(
      /zip/,
    );
    const path = join(await mkdtemp(join(tmpdir(), "galton-")), "text.safetensors");
    await writeFile(path, "hello, world, this is not a tensor file");
    await expect(readTensors(path)).rejects.toThrow(/text\.safetensors/);
    await expect(readTensors("/no/such/file")).rejects.toThrow(/cannot read \/no\/such\/file/);
  });
});
