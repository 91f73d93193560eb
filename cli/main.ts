/**
 * Runs one command and ends the process honestly: 0 done, 1 the input or the model is at fault, 2 the command line is,
 * 130 stopped with Ctrl-C. Data goes to stdout or files, everything for people to stderr.
 */
import { asContiguaError, ContiguaError } from '../lib/core/errors.ts';
import { PRODUCT_VERSION } from '../lib/core/plan/product-version.ts';
import { printableLines } from '../lib/core/printable.ts';
import { onEndSignal } from '../lib/server/end-signals.ts';
import type { Command } from './command.ts';
import { HELP } from './help.ts';
import { tell } from './output.ts';

/** Loaded when asked for: a database has no part in `inspect`. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  inspect: async () => (await import('./inspect.ts')).inspect,
  forward: async () => (await import('./forward.ts')).forward,
  analyse: async () => (await import('./analyse.ts')).analyse,
  capture: async () => (await import('./capture.ts')).capture,
  compare: async () => (await import('./compare.ts')).compare,
  plan: async () => (await import('./plan.ts')).plan,
  distil: async () => (await import('./distil.ts')).distil,
  runs: async () => (await import('./runs.ts')).runs,
  export: async () => (await import('./export.ts')).exportModel,
  engines: async () => (await import('./engines.ts')).engines,
};
const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export async function main(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  // Whoever asks twice means now.
  onEndSignal(
    ['SIGINT', 'SIGTERM'],
    () => stop.abort(),
    () => process.exit(EXIT.interrupted),
  );
  // `contigua inspect … | head` closes the pipe early, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
  // A process that ends by itself has no signal listeners left while Node.js frees its memory, which takes long with a
  // database in it: a signal that came then would end it instead of the exit code. `exit` keeps them to the end.
  process.once('beforeExit', () => process.exit());
  process.exitCode = await run(argv, stop.signal);
}

/** The exit code; nothing of the process is touched but its output. */
export async function run([name, ...rest]: readonly string[], signal: AbortSignal): Promise<number> {
  try {
    if (name === '--version' || name === '-V') {
      console.log(PRODUCT_VERSION);
      return EXIT.done;
    }
    if (name === '--help' || name === '-h' || name === 'help') {
      console.log(helpOn(rest[0]));
      return EXIT.done;
    }
    const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!load) {
      throw new ContiguaError('usage', name === undefined ? 'No command given' : `There is no command "${name}"`, {
        expected: Object.keys(COMMANDS).join(', '),
        hint: 'See `contigua --help`.',
      });
    }
    if (rest.includes('--help') || rest.includes('-h')) {
      console.log(helpOn(name));
      return EXIT.done;
    }
    const command = await load();
    await command(rest, { signal });
    return EXIT.done;
  } catch (thrown) {
    const error = asContiguaError(thrown);
    if (error.code === 'cancelled') {
      tell('Stopped.');
      return EXIT.interrupted;
    }
    tell(`contigua: ${error.message}`);
    // A foreign error is a defect of this program: the stack is what a report of it needs.
    if (error.code === 'internal' && thrown instanceof Error && thrown.stack)
      console.error(printableLines(thrown.stack));
    return error.code === 'usage' ? EXIT.usage : EXIT.failed;
  }
}

function helpOn(name: string | undefined): string {
  return (name !== undefined && Object.hasOwn(HELP, name) ? HELP[name] : undefined) ?? HELP.all ?? '';
}
