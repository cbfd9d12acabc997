/**
 * Help texts, made from the tables that also read the arguments.
 *
 * @module
 */
import { common } from "./arguments.js";
import type { Command } from "./command.js";
import { flagOf, type Option } from "./options.js";

const lineWidth = 100;

/** `galton --help`: the commands. */
export function generalHelp(commands: readonly Command[], version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return `galton ${version}: inference for simulators whose likelihood cannot be written down

  galton COMMAND [options]

Commands
${commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join("\n")}

  galton COMMAND --help   options, defaults and an example
  galton --version

Example, from a simulator to a report
  galton simulate ./simulator.js --n 10000 --seed hello --out simulations
  galton train simulations --out estimator.safetensors --seed hello
  galton sample estimator.safetensors --observed observed.json --out draws.json
  galton report --estimator estimator.safetensors --draws draws.json --out report.html
`;
}

/** `galton COMMAND --help`. */
export function commandHelp(command: Command): string {
  const { name, summary, description, example } = command;
  const usage = command.arguments.map(
    ({ name: word, optional, many }) => `${optional ? `[${word}]` : word}${many ? "..." : ""}`,
  );
  const options = { ...command.options, ...common } as Readonly<Record<string, Option<unknown>>>;
  const entries = Object.entries(options).map(([option, { placeholder, ...rest }]): [string, string] => [
    `${flagOf(option)}${placeholder === undefined ? "" : ` ${placeholder}`}`,
    rest.help + remark(rest),
  ]);
  const words = command.arguments.map((each): [string, string] => [each.name, each.help]);
  return [
    `galton ${name}: ${summary}`,
    `  galton ${[name, ...usage, "[options]"].join(" ")}`,
    ...(description ? [wrap(description, 0).join("\n")] : []),
    ...(words.length > 0 ? [columns(words)] : []),
    `Options\n${columns(entries)}`,
    `Example\n  ${example.command}\n${wrap(example.result, 2)
      .map((line) => `  ${line}`)
      .join("\n")}`,
    "",
  ].join("\n\n");
}

function remark({ default: fallback, required, repeatable }: Omit<Option<unknown>, "read" | "help">): string {
  if (required) return " (required)";
  if (repeatable) return " (may be repeated)";
  return fallback === undefined ? "" : ` (default ${fallback})`;
}

function columns(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([left]) => left.length));
  return entries
    .map(([left, right]) => {
      const lines = wrap(right, width + 4);
      return lines.map((line, i) => `  ${(i === 0 ? left : "").padEnd(width)}  ${line}`).join("\n");
    })
    .join("\n");
}

/** Lines that fit beside `indent` columns. */
function wrap(text: string, indent: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last !== "" && last.length + 1 + word.length > lineWidth - indent) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
