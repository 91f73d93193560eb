/** What a call refuses with, for tests that read the whole error. */
import { ContiguaError } from '../core/errors.ts';

/** Throws where the call is accepted, and whatever else it throws. */
export function refusalOf(read: () => unknown): ContiguaError {
  try {
    read();
  } catch (error) {
    if (error instanceof ContiguaError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
