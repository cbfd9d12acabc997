/**
 * Options of commands as data: the same table makes the help text and reads the arguments. Names are
 * camelCase in code and kebab-case on the command line (`batchSize` is `--batch-size`).
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";

/** One option; `Value` is what the command gets. */
export interface Option<Value> {
  /** Stands for the value in help; a switch has none. */
  readonly placeholder?: string;
  readonly help: string;
  /** The default as help shows it. */
  readonly default?: string;
  readonly required?: boolean;
  readonly repeatable?: boolean;
  /**
   * @param texts - the values given, in order; empty where the option was left out.
   * @param flag - as the user writes it, for messages.
   * @throws {ConfigError} if a value is not of the right kind.
   */
  read(texts: readonly string[], flag: string): Value;
}

/** Options by name. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** What a table of options reads to. */
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** `--batch-size` for `batchSize`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A switch: on where it is given. */
export function toggle(help: string): Option<boolean> {
  return { help, read: (texts) => texts.length > 0 };
}

/** Any text. */
export function text(placeholder: string, help: string): Option<string | undefined> {
  return single(placeholder, help, (value) => value);
}

/** One of a few words. */
export function choice<const Word extends string>(
  words: readonly Word[],
  help: string,
): Option<Word | undefined> {
  return single("NAME", `${words.join(", ")}: ${help}`, (value, flag) => {
    if (!words.includes(value as Word)) {
      throw new ConfigError(`${flag} must be one of ${words.join(", ")}, got "${value}".`);
    }
    return value as Word;
  });
}

/** A whole number of at least `least`. */
export function integer(placeholder: string, help: string, least = 1): Option<number | undefined> {
  return single(placeholder, help, (value, flag) => {
    const number = toNumber(value);
    if (!Number.isSafeInteger(number) || number < least) {
      throw new ConfigError(`${flag} must be a whole number of at least ${least}, got "${value}".`);
    }
    return number;
  });
}

/** A real number in an interval; `Infinity` is allowed where the interval holds it. */
export function decimal(
  placeholder: string,
  help: string,
  [low, high]: readonly [number, number],
): Option<number | undefined> {
  return single(placeholder, help, (value, flag) => {
    const number = toNumber(value);
    if (!(number >= low && number <= high)) {
      const range =
        high === Infinity || high === Number.MAX_VALUE ? `of at least ${low}` : `from ${low} to ${high}`;
      throw new ConfigError(`${flag} must be a number ${range}, got "${value}".`);
    }
    return number;
  });
}

/** Words separated by commas. */
export function words(placeholder: string, help: string): Option<readonly string[] | undefined> {
  return single(placeholder, help, (value, flag) => {
    const list = value.split(",").map((word) => word.trim());
    if (list.includes("")) throw new ConfigError(`${flag} has an empty entry in "${value}".`);
    return list;
  });
}

/** Numbers separated by commas. */
export function numbers(placeholder: string, help: string): Option<readonly number[] | undefined> {
  return single(placeholder, help, (value, flag) => {
    const list = value.split(",").map(toNumber);
    if (!list.every(Number.isFinite)) {
      throw new ConfigError(`${flag} must be numbers such as 0.5 or 0.5,1, got "${value}".`);
    }
    return list;
  });
}

/** The shape of one data row: whole numbers separated by `x` or commas, such as `32x32`; `1` for a number. */
export function shape(help: string): Option<readonly number[] | undefined> {
  return single("SHAPE", help, (value, flag) => {
    const sizes = value.split(/[x,]/).map(toNumber);
    if (sizes.some((size) => !Number.isSafeInteger(size) || size < 1)) {
      throw new ConfigError(`${flag} must be whole numbers such as 10 or 32x32, got "${value}".`);
    }
    return sizes;
  });
}

/** A seed: a whole number, or any other text. The default is `galton`'s, 0. */
export function seed(): Option<string | number> {
  const option = single("SEED", "number or text that all random numbers come from", (value) => {
    const number = toNumber(value);
    return Number.isSafeInteger(number) && number >= 0 && String(number) === value ? number : value;
  });
  return withDefault(option, "0");
}

/** The same option with a default, given as the user would write it. */
export function withDefault<Value>(option: Option<Value | undefined>, value: string): Option<Value> {
  return {
    ...option,
    default: value,
    read: (texts, flag) => option.read(texts.length === 0 ? [value] : texts, flag) as Value,
  };
}

/** The same option, which must be given. */
export function required<Value>(option: Option<Value | undefined>): Option<Value> {
  return {
    ...option,
    required: true,
    read(texts, flag) {
      if (texts.length === 0) throw new ConfigError(`${flag} ${option.placeholder} is missing.`);
      return option.read(texts, flag) as Value;
    },
  };
}

/** The same option, any number of times. */
export function repeated<Value>(option: Option<Value | undefined>): Option<readonly Value[]> {
  return {
    ...option,
    repeatable: true,
    read: (texts, flag) => texts.map((value) => option.read([value], flag) as Value),
  };
}

/** Reads a number, `NaN` for anything else; an empty text is no number. */
function toNumber(value: string): number {
  if (/^inf(inity)?$/i.test(value)) return Infinity;
  return /^\s*$|^[+-]?0[xob]/i.test(value) ? Number.NaN : Number(value);
}

function single<Value>(
  placeholder: string,
  help: string,
  parse: (value: string, flag: string) => Value,
): Option<Value | undefined> {
  return {
    placeholder,
    help,
    read: (texts, flag) => (texts.length === 0 ? undefined : parse(texts[0], flag)),
  };
}
