/**
 * What a command may say, and where: results to standard output, notes and progress to standard error.
 * Progress is one rewritten line on a terminal, and a plain line every ten seconds elsewhere (a log file).
 *
 * @module
 */

/** A place to write to; `process.stdout` is one. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The user's end of a command. */
export interface Terminal {
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** A result, to standard output. */
  result(text: string): void;
  /** One JSON value, to standard output; numbers that JSON lacks become `null`. */
  json(value: unknown): void;
  /** What is good to know, to standard error; silent with `--quiet`. */
  note(text: string): void;
  /** How far the work is; silent with `--quiet`. */
  progress(text: string): void;
  /** Sets what is to be told about kept work if the user stops the command; asked only then. */
  ifStopped(advice: () => string): void;
  /** What the last `ifStopped` says. */
  advice(): string;
  /** Clears the progress line. */
  close(): void;
}

/** Milliseconds between lines of progress: on a terminal, and elsewhere. */
const pace = { terminal: 100, log: 10_000 };

/** Makes a terminal of two sinks. */
export function terminal(options: {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly signal: AbortSignal;
  readonly quiet?: boolean;
  /** Milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}): Terminal {
  const { stdout, stderr, signal, quiet = false, now = () => performance.now() } = options;
  const live = stderr.isTTY === true;
  let drawn = false;
  let last = live ? -Infinity : now(); // a log hears of work that lasts
  let advice = () => "Nothing was written.";
  const clear = () => {
    if (drawn) stderr.write("\r\x1b[2K");
    drawn = false;
  };
  return {
    signal,
    result(text) {
      clear();
      stdout.write(`${text}\n`);
    },
    json(value) {
      clear();
      stdout.write(`${JSON.stringify(value)}\n`);
    },
    note(text) {
      if (quiet) return;
      clear();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (quiet || now() - last < (live ? pace.terminal : pace.log)) return;
      last = now();
      if (!live) {
        stderr.write(`${text}\n`);
        return;
      }
      stderr.write(`\r\x1b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
      drawn = true;
    },
    ifStopped(text) {
      advice = text;
    },
    advice: () => advice(),
    close: clear,
  };
}

/**
 * A listener for `{ done, total }` that shows share, count and the time left.
 *
 * @param unit - what is counted, such as `"simulations"`.
 */
export function counter(
  { progress }: Pick<Terminal, "progress">,
  unit: string,
  now: () => number = () => performance.now(),
): (state: { readonly done: number; readonly total: number }) => void {
  const count = (value: number) => value.toLocaleString("en-US");
  let first: { readonly at: number; readonly done: number } | undefined;
  return ({ done, total }) => {
    first ??= { at: now(), done };
    const speed = (done - first.done) / (now() - first.at);
    const left = speed > 0 ? `, ${duration((total - done) / speed / 1000)} left` : "";
    const share = `${Math.floor((100 * done) / total)} %`;
    progress(`${share.padStart(5)}  ${count(done)} of ${count(total)} ${unit}${left}`);
  };
}

/** `"8 s"`, `"3 min 20 s"`, `"2 h 5 min"`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
