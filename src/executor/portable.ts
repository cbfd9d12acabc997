/**
 * Values as JSON text that another machine reads back bit for bit, even when a stranger wrote it.
 *
 * What JSON has is written as it is; the rest as an object with the field `$`, such as `{"$": "number", "value":
 * "NaN"}` or `{"$": "Float64Array", "base64": "..."}` (little-endian). Reading builds plain data only, checks every
 * field, and calls no code that the text could choose; node's `v8.deserialize`, which is shorter, does not
 * promise that for bytes of unknown origin, and its format changes with the version of node.
 *
 * Travels what `structuredClone` copies, but for shared references (each comes out as its own copy), cycles and
 * regular expressions; and in addition URLs.
 *
 * @module
 */
import { ExecutorError } from "../core/errors.js";
import { isOwnName, ownName, ownUrl } from "./own-modules.js";
import { type PackedError, packError, unpackError } from "./packed-error.js";

/** How deep objects may be nested. */
const DEPTH = 100;

/** Names that turn a careless copy of an object into a change of every object. */
const dangerous = new Set(["__proto__", "constructor", "prototype"]);

const arrays = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Writes a value as JSON text.
 *
 * @param name - what the value is called in messages, such as `"input"`.
 * @throws {TypeError} naming the place of a value that cannot travel.
 */
export function toPortable(value: unknown, name: string): string {
  return JSON.stringify(pack(value, name, 0));
}

/**
 * Reads the text of `toPortable`.
 *
 * @throws {ExecutorError} saying what is wrong where.
 */
export function fromPortable(text: string, name: string): unknown {
  let json: Json;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ExecutorError(`${name} is not JSON: ${(cause as Error).message.slice(0, 200)}`);
  }
  return unpack(json, name, 0);
}

function pack(value: unknown, path: string, depth: number): Json {
  if (depth > DEPTH) {
    throw new TypeError(
      `${path.slice(0, 80)}... cannot be copied: it is nested more than ${DEPTH} deep, or holds itself.`,
    );
  }
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return packText(value);
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return { $: "number", value: Object.is(value, -0) ? "-0" : String(value) };
    case "undefined":
      return { $: "undefined" };
    case "bigint":
      return { $: "bigint", value: String(value) };
    case "object":
      return value === null ? null : packObject(value, path, depth);
    default:
      throw new TypeError(`${path} cannot be copied: it is a ${typeof value}.`);
  }
}

function packText(text: string): Json {
  const own = ownName(text);
  return own === undefined ? text : { $: "own", name: own };
}

function packObject(value: object, path: string, depth: number): Json {
  const inner = (item: unknown, place: string) => pack(item, `${path}${place}`, depth + 1);
  if (Array.isArray(value)) return Array.from(value, (item, i) => inner(item, `[${i}]`));
  if (value instanceof URL) return { $: "URL", href: packText(value.href) };
  if (value instanceof Date) return { $: "Date", time: pack(value.getTime(), path, depth) };
  if (value instanceof Map) {
    return {
      $: "Map",
      entries: Array.from(value, ([key, item], i) => [inner(key, `.key ${i}`), inner(item, `.value ${i}`)]),
    };
  }
  if (value instanceof Set)
    return { $: "Set", values: Array.from(value, (item, i) => inner(item, `.value ${i}`)) };
  if (value instanceof Error) return { $: "Error", error: packError(value) as unknown as Json };
  if (value instanceof ArrayBuffer)
    return { $: "ArrayBuffer", base64: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    const kind = Object.keys(arrays).find(
      (each) => Object.prototype.toString.call(value) === `[object ${each}]`,
    );
    if (kind === undefined)
      throw new TypeError(`${path} cannot be copied: it is a ${value.constructor.name}.`);
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $: kind, base64: bytes.toString("base64") };
  }
  const tag = Object.prototype.toString.call(value);
  if (tag !== "[object Object]")
    throw new TypeError(`${path} cannot be copied: it is a ${tag.slice(8, -1)}.`);
  const entries = Object.entries(value).map(([key, item]): [string, Json] => {
    if (dangerous.has(key)) throw new TypeError(`${path} cannot be copied: it has a field named ${key}.`);
    return [key, inner(item, `.${key}`)];
  });
  return Object.hasOwn(value, "$") ? { $: "Object", entries } : Object.fromEntries(entries);
}

function unpack(json: Json, path: string, depth: number): unknown {
  if (json === null || typeof json !== "object") return json;
  if (depth > DEPTH) throw new ExecutorError(`${path.slice(0, 80)}... is nested more than ${DEPTH} deep.`);
  if (Array.isArray(json)) return json.map((item, i) => unpack(item, `${path}[${i}]`, depth + 1));
  const names = Object.keys(json);
  const bad = names.find((name) => dangerous.has(name));
  if (bad !== undefined) throw new ExecutorError(`${path} has a field named ${bad}, which is refused.`);
  if (Object.hasOwn(json, "$")) return unpackTagged(json, path, depth);
  for (const name of names) json[name] = unpack(json[name], `${path}.${name}`, depth + 1) as Json;
  return json; // the parsed object itself, now holding the values
}

function unpackTagged(json: { [name: string]: Json }, path: string, depth: number): unknown {
  const { $: kind, ...fields } = json;
  const malformed = (expected: string) =>
    new ExecutorError(
      `${path} is malformed: expected ${expected} for "$": ${JSON.stringify(kind).slice(0, 80)}.`,
    );
  const field = <Type extends "string" | "object">(name: string, type: Type) => {
    const value = fields[name];
    if (typeof value !== type || value === null || Object.keys(fields).length !== 1) {
      throw malformed(`the field "${name}" alone`);
    }
    return value as Type extends "string" ? string : object;
  };
  const list = (name: string): Json[] => {
    const value = field(name, "object");
    if (!Array.isArray(value)) throw malformed(`the list "${name}"`);
    return value;
  };
  const inner = (item: Json, place: string) => unpack(item, `${path}${place}`, depth + 1);
  const pairs = (): [unknown, unknown][] =>
    list("entries").map((pair, i) => {
      if (!Array.isArray(pair) || pair.length !== 2) throw malformed("pairs");
      return [inner(pair[0], `.key ${i}`), inner(pair[1], `.value ${i}`)];
    });

  switch (kind) {
    case "number": {
      const text = field("value", "string");
      if (!["NaN", "Infinity", "-Infinity", "-0"].includes(text)) throw malformed("NaN, an infinity or -0");
      return Number(text);
    }
    case "undefined":
      if (Object.keys(fields).length > 0) throw malformed("no other field");
      return undefined;
    case "bigint": {
      const text = field("value", "string");
      if (!/^-?\d{1,4000}$/.test(text)) throw malformed("an integer of at most 4000 digits");
      return BigInt(text);
    }
    case "own": {
      const name = field("name", "string");
      if (!isOwnName(name)) throw malformed("the name of a module of galton");
      return ownUrl(name);
    }
    case "URL": {
      const href = inner(fields.href ?? null, ".href");
      if (typeof href !== "string" || !URL.canParse(href)) throw malformed("a URL");
      return new URL(href);
    }
    case "Date": {
      const time = inner(fields.time ?? null, ".time");
      if (typeof time !== "number") throw malformed("a time");
      return new Date(time);
    }
    case "Map":
      return new Map(pairs());
    case "Set":
      return new Set(list("values").map((item, i) => inner(item, `.value ${i}`)));
    case "Object": {
      const entries = pairs();
      for (const [name] of entries) {
        if (typeof name !== "string" || dangerous.has(name)) throw malformed("harmless names of fields");
      }
      return Object.fromEntries(entries as [string, unknown][]);
    }
    case "Error":
      return unpackError(checkedError(field("error", "object"), malformed));
    case "ArrayBuffer":
      return fromBase64(field("base64", "string"), 1, malformed);
    default: {
      if (typeof kind !== "string" || !Object.hasOwn(arrays, kind)) throw malformed("a kind that is known");
      const array = arrays[kind as keyof typeof arrays];
      return new array(fromBase64(field("base64", "string"), array.BYTES_PER_ELEMENT, malformed));
    }
  }
}

function fromBase64(text: string, size: number, malformed: (expected: string) => ExecutorError): ArrayBuffer {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  const decoded = Buffer.from(text, "base64"); // leaves out what is no base64, so the length tells
  if (text.length % 4 !== 0 || decoded.length !== length) throw malformed("base64");
  if (length % size !== 0) throw malformed(`a multiple of ${size} bytes`);
  const bytes = new ArrayBuffer(length); // its own, not a part of node's pool
  new Uint8Array(bytes).set(decoded);
  return bytes;
}

function checkedError(
  value: unknown,
  malformed: (expected: string) => ExecutorError,
  depth = 0,
): PackedError {
  const { name, message, stack, cause } = value as Record<string, unknown>;
  const texts = typeof name === "string" && typeof message === "string";
  if (!texts || (stack !== undefined && typeof stack !== "string") || depth > 4) throw malformed("an error");
  if (cause !== undefined && (cause === null || typeof cause !== "object"))
    throw malformed("an error with a cause");
  return {
    name,
    message,
    stack,
    ...(cause !== undefined && { cause: checkedError(cause, malformed, depth + 1) }),
  };
}
