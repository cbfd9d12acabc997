/**
 * Loads the optional packages that figures and netCDF need, when they are needed, and says what to install where
 * they are absent.
 *
 * @module
 */
import { ConfigError } from "./errors.js";

/** Package versions that the code was written for; the install line names them. */
const versions: Readonly<Record<string, string>> = {
  "@observablehq/plot": "0.6.17",
  h5wasm: "0.10.3",
  linkedom: "0.18.12",
  "@resvg/resvg-js": "2.6.2",
};

/**
 * Imports an optional package.
 *
 * @param caller - the public function that needs it, for the message.
 * @param name - package name.
 * @param load - `() => import(name)`, so that types are kept and nothing loads before it is needed.
 * @throws {ConfigError} if the package cannot be loaded, with the line that installs it.
 */
export async function importOptional<Module>(
  caller: string,
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const spec = versions[name] === undefined ? name : `${name}@${versions[name]}`;
    throw new ConfigError(
      `${caller}: needs the optional package ${name}, which could not be loaded. Run "npm install ${spec}".`,
      { cause },
    );
  }
}
