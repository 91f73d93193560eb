/**
 * What crosses the worker boundary besides plain JSON: errors (a ContiguaError keeps its code and details) and the
 * array buffers of a result, which are handed over instead of copied.
 */
import { asContiguaError, ContiguaError } from '../core/errors.ts';
import type { WireError } from './protocol.ts';

export function toWire(thrown: unknown): WireError {
  const { code, summary, details } = asContiguaError(thrown);
  // A defect is found by where it was thrown; an error of the user's input by its words.
  const stack = code === 'internal' && thrown instanceof Error ? thrown.stack : undefined;
  return { code, summary, details: { ...details }, ...(stack !== undefined && { stack }) };
}

export function fromWire({ code, summary, details, stack }: WireError): ContiguaError {
  const error = new ContiguaError(code, summary, details);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The distinct, unshared array buffers inside a value of plain objects, arrays and typed arrays. */
export function transferablesOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(value, found);
  return [...found];
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof ArrayBuffer) {
    found.add(value);
  } else if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (Array.isArray(value)) {
    // Matrices of numbers are large and hold no buffers: one look at the first entry spares the walk.
    if (typeof value[0] === 'number') return;
    for (const item of value) collect(item, found);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, found);
  }
}
