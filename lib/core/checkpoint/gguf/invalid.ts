/** Makes the error about one place of a GGUF file; the reader of the header knows the file's name. */
import type { ContiguaError } from '../../errors.ts';

export type Invalid = (summary: string, found: string, expected: string, tensor?: string) => ContiguaError;
