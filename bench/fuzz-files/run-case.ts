/** One input of a run, made and read in this process: what it was, how it ended, what is wrong with that. */
import { ContiguaError } from '../../lib/core/errors.ts';
import { seededRandom } from '../../lib/core/random.ts';
import type { Files } from './target.ts';
import { TARGETS } from './targets.ts';

export interface Outcome {
  readonly index: number;
  readonly kind: string;
  /** `read`, or the code of the refusal; a foreign error's name where one was thrown. */
  readonly ended: string;
  readonly message: string;
  /** Null where all is well. */
  readonly wrong: string | null;
  /** Null where a refusal's message is one that a page and a terminal can show. */
  readonly unclear: string | null;
  /** Of all threads of this process. */
  readonly cpuMs: number;
}

/** Characters; a refusal's parts are bounded one by one. */
const MAX_MESSAGE = 2500;
const CHOICES = TARGETS.flatMap((target) => Array.from({ length: target.share ?? 1 }, () => target));
export const KINDS = TARGETS.map(({ kind }) => kind);

/** The same seed and index make the same input, whatever was read before. */
export function inputOf(seed: number, index: number, kind?: string) {
  const random = seededRandom(seed * 2 ** 24 + index);
  const target = TARGETS.find((one) => one.kind === kind) ?? CHOICES[index % CHOICES.length]!;
  return { target, files: target.damage(random), random };
}

/** `kind` makes every input of that kind. */
export async function runCase(seed: number, index: number, kind?: string): Promise<Outcome> {
  const { target, files, random } = inputOf(seed, index, kind);
  const before = process.cpuUsage();
  const result = await outcomeOf(target.read(files, random));
  const { user, system } = process.cpuUsage(before);
  return { index, kind: target.kind, ...result, cpuMs: (user + system) / 1000 };
}

export function filesOf(seed: number, index: number, kind?: string): Files {
  return inputOf(seed, index, kind).files;
}

async function outcomeOf(reading: Promise<unknown>): Promise<Pick<Outcome, 'ended' | 'message' | 'wrong' | 'unclear'>> {
  try {
    await reading;
    return { ended: 'read', message: '', wrong: null, unclear: null };
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) {
      const [name, message] = thrown instanceof Error ? [thrown.name, thrown.message] : ['thrown', String(thrown)];
      return { ended: name, message: message.slice(0, MAX_MESSAGE), wrong: 'no ContiguaError', unclear: null };
    }
    const { code, message } = thrown;
    const wrong = code === 'internal' ? 'code `internal`' : null;
    return { ended: code, message: message.slice(0, MAX_MESSAGE), wrong, unclear: faultOf(message) };
  }
}

function faultOf(message: string): string | null {
  if (message.length > MAX_MESSAGE) return `a message of ${message.length} characters`;
  return /\p{Cc}|\p{Surrogate}|[\u202a-\u202e\u2066-\u2069]/u.test(message)
    ? 'a message that is not safe to print'
    : null;
}
