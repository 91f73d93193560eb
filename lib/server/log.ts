/**
 * What the server's processes write to their own output. Requests, files and other processes have a say in these lines, so
 * that they are made printable: no line of the log can be forged, and a terminal that shows it obeys none of them.
 */
import { inspect } from 'node:util';
import { ContiguaError } from '../core/errors.ts';
import { printable, printableLines } from '../core/printable.ts';

/** One line on stderr. */
export function logLine(line: string): void {
  console.error(printable(line));
}

/** An error of the user's in one sentence; a defect with its stack and causes, indented. */
export function logThrown(thrown: unknown): void {
  console.error(thrown instanceof ContiguaError ? thrown.message : printableLines(inspect(thrown)));
}
