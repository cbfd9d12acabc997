/**
 * The safetensors format: an 8-byte length, a JSON header, then raw little-endian tensors. No code in a
 * file, ever. Estimators and checkpoints are stored in it.
 *
 * @see https://github.com/huggingface/safetensors#format
 * @module
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError } from "../core/errors.js";

/** Named float32 vectors and one JSON header. */
export interface TensorFile {
  readonly header: unknown;
  readonly tensors: Readonly<Record<string, Float32Array>>;
}

/** Encodes a file; equal contents give equal bytes. */
export function encodeTensors({ header, tensors }: TensorFile): Uint8Array {
  const entries: Record<string, unknown> = {
    __metadata__: { format: "galton", header: JSON.stringify(header) },
  };
  let offset = 0;
  for (const [name, data] of Object.entries(tensors)) {
    entries[name] = { dtype: "F32", shape: [data.length], data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.fill(0x20, 8, 8 + padded);
  bytes.set(json, 8);
  let at = 8 + padded;
  for (const data of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a file.
 *
 * @param name - path or title for the error messages.
 * @throws {ConfigError} if the bytes are not a whole safetensors file of galton's.
 */
export function decodeTensors(bytes: Uint8Array, name: string): TensorFile {
  const bad = (why: string, cause?: unknown) =>
    new ConfigError(
      `${name}: not a readable galton .safetensors file (${why}). Was it cut short or saved by another program?`,
      {
        cause,
      },
    );
  if (bytes.length < 8) throw bad(`${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8)
    throw bad(`the header should be ${length} bytes but the file ends before it`);
  let entries: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  let header: unknown;
  try {
    entries = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    const metadata = entries.__metadata__ as unknown as { header: string };
    header = JSON.parse(metadata.header);
  } catch (cause) {
    throw bad("the header is not JSON with galton's metadata", cause);
  }
  const tensors: Record<string, Float32Array> = {};
  for (const [tensor, entry] of Object.entries(entries)) {
    if (tensor === "__metadata__") continue;
    const [from, to] = entry.data_offsets ?? [];
    const end = 8 + length + to;
    if (entry.dtype !== "F32" || !(from >= 0 && to >= from) || end > bytes.length || (to - from) % 4 !== 0) {
      throw bad(`tensor "${tensor}" is not float32 data inside the file`);
    }
    tensors[tensor] = new Float32Array(Uint8Array.from(bytes.subarray(8 + length + from, end)).buffer);
  }
  return { header, tensors };
}

/** Writes a file so that a killed process leaves either the old file or the new one, never half of one. */
export async function writeTensors(path: string, file: TensorFile): Promise<void> {
  const part = `${path}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, encodeTensors(file));
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined); // half a file would only take up room
    throw new ConfigError(
      `cannot write ${path}: ${(cause as Error).message}. What it held before is kept. ` +
        `Make room, or choose a writable path.`,
      { cause },
    );
  }
}

/**
 * Reads a file.
 *
 * @throws {ConfigError} if it cannot be read or is not whole.
 */
export async function readTensors(path: string): Promise<TensorFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new ConfigError(`cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
  return decodeTensors(bytes, path);
}
