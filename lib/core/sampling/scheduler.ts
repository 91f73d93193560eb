/**
 * Noise levels of diffusers' FlowMatchEulerDiscreteScheduler: a `scheduler_config.json` and a number of steps in, the
 * sigmas of an Euler sampler out (facts and golden tables: model fact sheet §6). Options that change the levels and that
 * no supported pipeline uses (Karras, exponential and beta sigmas, inversion, stochastic steps) are refused by name.
 */
import * as z from 'zod/mini';
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';

// Compiling schemas needs `eval`, which the worker's Content-Security-Policy forbids.
z.config({ jitless: true });

const absentOrOff = z.nullish(z.literal(false));
const schema = z.object({
  _class_name: z.optional(z.string()),
  num_train_timesteps: z._default(z.int().check(z.positive()), 1000),
  shift: z._default(z.number().check(z.positive()), 1),
  use_dynamic_shifting: z._default(z.boolean(), false),
  base_shift: z._default(z.nullable(z.number()), 0.5),
  max_shift: z._default(z.nullable(z.number()), 1.15),
  base_image_seq_len: z._default(z.nullable(z.number()), 256),
  max_image_seq_len: z._default(z.nullable(z.number()), 4096),
  shift_terminal: z._default(z.nullable(z.number().check(z.minimum(0), z.lt(1))), null),
  time_shift_type: z._default(z.enum(['exponential', 'linear']), 'exponential'),
  invert_sigmas: absentOrOff,
  use_karras_sigmas: absentOrOff,
  use_exponential_sigmas: absentOrOff,
  use_beta_sigmas: absentOrOff,
  stochastic_sampling: absentOrOff,
});

export interface SchedulerConfig {
  readonly trainTimesteps: number;
  readonly shift: number;
  /** Present when the shift depends on the number of image tokens. */
  readonly dynamic: {
    readonly baseShift: number;
    readonly maxShift: number;
    readonly baseTokens: number;
    readonly maxTokens: number;
    readonly kind: 'exponential' | 'linear';
  } | null;
  /** The last level before 0 is stretched to this one; null leaves the levels alone. */
  readonly terminal: number | null;
}

const SCHEDULER_CLASS = 'FlowMatchEulerDiscreteScheduler';

export function parseSchedulerConfig(text: string, file: string): SchedulerConfig {
  const raw = parseJson(text, {
    file,
    code: 'config-invalid',
    notJson: 'Not JSON',
    expected: `a ${SCHEDULER_CLASS} config`,
    maxBytes: MAX_JSON_BYTES.scheduler,
  });
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ContiguaError('config-invalid', 'Scheduler configuration cannot be used', {
      file,
      found: issue ? `${issue.path.join('.') || 'the whole file'}: ${issue.message}` : 'another format',
      expected: `a ${SCHEDULER_CLASS} config without Karras, exponential, beta or inverted sigmas`,
    });
  }
  const config = parsed.data;
  if (config._class_name !== undefined && config._class_name !== SCHEDULER_CLASS) {
    throw new ContiguaError('config-invalid', 'Unknown scheduler class', {
      file,
      found: config._class_name,
      expected: SCHEDULER_CLASS,
    });
  }
  return {
    trainTimesteps: config.num_train_timesteps,
    shift: config.shift,
    dynamic: config.use_dynamic_shifting
      ? {
          baseShift: config.base_shift ?? 0.5,
          maxShift: config.max_shift ?? 1.15,
          baseTokens: config.base_image_seq_len ?? 256,
          maxTokens: config.max_image_seq_len ?? 4096,
          kind: config.time_shift_type,
        }
      : null,
    terminal: config.shift_terminal || null,
  };
}

/**
 * Where the levels start from: `linspace` from 1 to 1/steps, which the Qwen-Image and Flux pipelines pass, or `range`
 * from the scheduler's own largest to its smallest level (SD3), which are shifted already and get shifted again.
 */
export type SigmaStart = 'linspace' | 'range';

/** Noise levels [steps + 1], from about 1 down to a final 0, rounded to float32 as the reference does. */
export function flowMatchSigmas(
  config: SchedulerConfig,
  steps: number,
  imageTokens: number,
  start: SigmaStart = 'linspace',
): number[] {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new ContiguaError('inputs-invalid', 'Number of steps', { found: String(steps), expected: 'at least 1' });
  }
  const shift = shiftOf(config, imageTokens);
  const stretched = stretchToTerminal(startLevels(config, steps, start).map(shift), config.terminal);
  return [...stretched.map(Math.fround), 0];
}

function startLevels(config: SchedulerConfig, steps: number, start: SigmaStart): number[] {
  const initialShift = config.dynamic ? (sigma: number) => sigma : staticShift(config.shift);
  const [from, to] = start === 'linspace' ? [1, 1 / steps] : [initialShift(1), initialShift(1 / config.trainTimesteps)];
  return Array.from({ length: steps }, (_, i) => (steps === 1 ? from : from + ((to - from) * i) / (steps - 1)));
}

function shiftOf(config: SchedulerConfig, imageTokens: number): (sigma: number) => number {
  const { dynamic } = config;
  if (!dynamic) return staticShift(config.shift);
  const slope = (dynamic.maxShift - dynamic.baseShift) / (dynamic.maxTokens - dynamic.baseTokens);
  const mu = dynamic.baseShift + slope * (imageTokens - dynamic.baseTokens);
  const weight = dynamic.kind === 'exponential' ? Math.exp(mu) : mu;
  return (sigma) => weight / (weight + (1 / sigma - 1));
}

function staticShift(shift: number): (sigma: number) => number {
  return (sigma) => (shift * sigma) / (1 + (shift - 1) * sigma);
}

function stretchToTerminal(sigmas: number[], terminal: number | null): number[] {
  const last = sigmas.at(-1);
  if (terminal === null || last === undefined || last === 1) return sigmas;
  const scale = (1 - last) / (1 - terminal);
  return sigmas.map((sigma) => 1 - (1 - sigma) / scale);
}
