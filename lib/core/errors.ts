/**
 * The one error class a user may see. Every rejected input becomes a ContiguaError whose message says what happened,
 * to which file or tensor, what was found, what was expected and what to do. `code` is stable: tests and callers
 * switch on it, never on the words. It crosses the worker boundary as plain data (see lib/compute/protocol.ts). Names and
 * values in it come from files and requests, so that every part is bounded in length and made printable.
 */
import { printable } from './printable.ts';

export type ErrorCode =
  | 'safetensors-invalid'
  | 'gguf-invalid'
  | 'checkpoint-incomplete'
  | 'checkpoint-unsupported'
  | 'config-invalid'
  | 'weight-missing'
  | 'weight-misshapen'
  | 'weight-not-finite'
  | 'state-not-finite'
  | 'calibration-invalid'
  | 'trace-invalid'
  | 'inputs-invalid'
  | 'plan-invalid'
  | 'plan-mismatch'
  | 'prompt-invalid'
  | 'settings-invalid'
  | 'training-diverged'
  | 'training-state-invalid'
  | 'run-missing'
  | 'run-conflict'
  | 'artifact-missing'
  | 'artifact-corrupt'
  | 'store-unreachable'
  | 'disk-full'
  | 'database-in-use'
  | 'database-unreachable'
  | 'server-unreachable'
  | 'source-changed'
  | 'source-refused'
  | 'source-unreachable'
  | 'path-forbidden'
  | 'method-unknown'
  | 'unauthorized'
  | 'too-many'
  | 'too-large'
  | 'engine-unavailable'
  | 'engine-lost'
  | 'worker-crashed'
  | 'cancelled'
  | 'not-ready'
  | 'usage'
  | 'internal';

export interface ErrorDetails {
  /** File the problem lies in, as the user knows it (relative path). */
  file?: string;
  tensor?: string;
  found?: string;
  expected?: string;
  /** What the user can do about it, one sentence. */
  hint?: string;
}

/** UTF-16 units of each part. */
const MAX_LENGTHS = { summary: 400, file: 200, tensor: 200, found: 300, expected: 400, hint: 400 } as const;

export class ContiguaError extends Error {
  override readonly name = 'ContiguaError';
  /** Printable and bounded, as are the details. */
  readonly summary: string;
  readonly details: ErrorDetails;

  constructor(
    readonly code: ErrorCode,
    summary: string,
    details: ErrorDetails = {},
  ) {
    const shownSummary = printable(summary, MAX_LENGTHS.summary);
    const shown = printableDetails(details);
    super(sentence(shownSummary, shown));
    this.summary = shownSummary;
    this.details = shown;
  }
}

function printableDetails(details: ErrorDetails): ErrorDetails {
  const shown: ErrorDetails = {};
  for (const name of ['file', 'tensor', 'found', 'expected', 'hint'] as const) {
    const text = details[name];
    if (text !== undefined) shown[name] = printable(text, MAX_LENGTHS[name]);
  }
  return shown;
}

function sentence(summary: string, { file, tensor, found, expected, hint }: ErrorDetails): string {
  const where = [file, tensor].filter(Boolean).join(' › ');
  const parts = [where ? `${where}: ${summary}` : summary];
  if (found !== undefined) parts.push(`found ${found}`);
  if (expected !== undefined) parts.push(`expected ${expected}`);
  const message = parts.join('; ');
  return hint ? `${message}. ${hint}` : message;
}

/** Anything thrown, as a ContiguaError; a foreign error keeps its message under the code `internal`. */
export function asContiguaError(thrown: unknown): ContiguaError {
  if (thrown instanceof ContiguaError) return thrown;
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return new ContiguaError('cancelled', 'Stopped');
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ContiguaError('internal', message);
}
