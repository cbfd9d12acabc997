/**
 * The option `--engine`, shared by the commands that run networks.
 *
 * @module
 */
import { choice, withDefault } from "./options.js";

/** Which engine runs the networks. */
export const engineOption = withDefault(
  choice(["auto", "onnx", "wasm", "tfjs"], "machine for the networks, see galton doctor"),
  "auto",
);
