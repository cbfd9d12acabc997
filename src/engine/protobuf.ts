/**
 * A writer of the protocol-buffer wire format: just what an ONNX model needs, so that no ONNX library has
 * to be installed to build one.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @module
 */

/** Writes the fields of one message. */
export interface MessageWriter {
  /** A varint field: an integer below 2^53 in magnitude (negative ones take ten bytes). */
  integer(field: number, value: number): void;
  /** A fixed 32-bit float field. */
  float(field: number, value: number): void;
  /** A length-delimited field. */
  bytes(field: number, value: Uint8Array): void;
  text(field: number, value: string): void;
  /** A nested message, written by `body`. */
  message(field: number, body: (inner: MessageWriter) => void): void;
  /** The bytes written so far, copied. */
  finish(): Uint8Array;
}

const encoder = new TextEncoder();

/** Starts an empty message. */
export function messageWriter(): MessageWriter {
  let buffer = new Uint8Array(256);
  let length = 0;

  const reserve = (extra: number) => {
    if (length + extra <= buffer.length) return;
    const grown = new Uint8Array(Math.max(2 * buffer.length, length + extra));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
  };
  const varint = (value: number) => {
    reserve(10);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) buffer[length++] = Number(rest & 127n) | 128;
      buffer[length++] = Number(rest);
      return;
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) buffer[length++] = (rest % 128) | 128;
    buffer[length++] = rest;
  };
  const tag = (field: number, wireType: number) => varint(field * 8 + wireType);
  const append = (bytes: Uint8Array) => {
    reserve(bytes.length);
    buffer.set(bytes, length);
    length += bytes.length;
  };

  const writer: MessageWriter = {
    integer(field, value) {
      tag(field, 0);
      varint(value);
    },
    float(field, value) {
      tag(field, 5);
      append(new Uint8Array(Float32Array.of(value).buffer));
    },
    bytes(field, value) {
      tag(field, 2);
      varint(value.length);
      append(value);
    },
    text(field, value) {
      writer.bytes(field, encoder.encode(value));
    },
    message(field, body) {
      const inner = messageWriter();
      body(inner);
      writer.bytes(field, inner.finish());
    },
    finish: () => buffer.slice(0, length),
  };
  return writer;
}
