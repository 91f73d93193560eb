/**
 * What an analysis may cost: memory, disk, tokens and measured intervals, as `contigua analyse` takes them, and the estimate
 * that it prints before it starts on a large model.
 */
import { mkdir, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WorkerClient } from '../lib/compute/client.ts';
import type { AnalysisRequest } from '../lib/compute/protocol.ts';
import type { AnalysisEstimate, AnalysisLimits } from '../lib/core/analysis/estimate.ts';
import type { TraceEstimate } from '../lib/core/analysis/estimate-trace.ts';
import type { Ablation } from '../lib/core/detection/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { type BlockInterval, formatIntervalKey, parseIntervalKey } from '../lib/core/interval/index.ts';
import type { NumberRange } from '../lib/core/number-range.ts';
import { ANALYSIS_BOUNDS, type AnalysisReport } from '../lib/core/report/index.ts';
import { shownBytes } from '../lib/core/states/index.ts';
import { type Arguments, type OptionSpec, type Options, usage } from './arguments.ts';
import { tell } from './output.ts';

export const STREAMING_OPTIONS = {
  states: { type: 'string' },
  memory: { type: 'string' },
  disk: { type: 'string' },
  tokens: { type: 'string' },
  'damage-samples': { type: 'string' },
  'damage-intervals': { type: 'string' },
  estimate: { type: 'boolean' },
} as const satisfies OptionSpec;

/** Of what is free when the command starts. */
const DEFAULT_MEMORY_SHARE = 0.8;
/** The estimate of a smaller model takes longer than it is worth. */
const ESTIMATED_FROM_BYTES = 128 * 2 ** 20;

export interface StreamingRequest {
  readonly request: Omit<AnalysisRequest, 'calibration'>;
  /** Null where none was named. */
  readonly memoryBytes: number | null;
  /** Where states go; null in memory. */
  readonly folder: string | null;
  readonly diskBytes: number | null;
  readonly estimateOnly: boolean;
}

export function streamingRequest(args: Arguments): StreamingRequest {
  const folder = args.text('states');
  const diskBytes = sizeOf(args, 'disk');
  if (folder === undefined && diskBytes !== null)
    throw usage('analyse', '--disk needs --states, the folder that it is for');
  const tokens = args.text('tokens');
  const damage = {
    samples: optional(args, 'damage-samples', ANALYSIS_BOUNDS.damageSamples),
    intervals: intervalsOf(args),
  };
  return {
    request: {
      tokens: tokens === 'all' ? 'all' : optional(args, 'tokens', ANALYSIS_BOUNDS.tokens),
      damage,
      ...(folder === undefined
        ? {}
        : {
            states: {
              url: pathToFileURL(resolve(folder)).href,
              sizeBytes: diskBytes ?? Number.MAX_SAFE_INTEGER,
            },
          }),
    },
    memoryBytes: sizeOf(args, 'memory'),
    folder: folder === undefined ? null : resolve(folder),
    diskBytes,
    estimateOnly: args.flag('estimate'),
  };
}

/** Undefined where no estimate is needed: then nothing waits elsewhere. */
export async function estimated(
  client: WorkerClient,
  { sizeBytes }: ModelSummary,
  request: AnalysisRequest,
  { memoryBytes, folder, diskBytes, estimateOnly }: StreamingRequest,
  signal: AbortSignal,
  ablations: readonly Ablation[] = [],
): Promise<AnalysisLimits | undefined> {
  if (!isEstimated({ sizeBytes }, memoryBytes) && !estimateOnly) return undefined;
  tell('measuring one block, for the estimate');
  const allowed = allowedBytes(memoryBytes);
  const asked = client.call('estimateAnalysis', { ...request, memoryBytes: allowed, ablations }, { signal });
  const estimate = await orNamedOptions(asked, folder, ', or fewer or smaller samples');
  for (const line of estimateLines(estimate, allowed, folder !== null)) tell(line);
  await assertDiskFits(estimate, folder, diskBytes);
  return estimate.limits;
}

/** The same of a trace. */
export async function estimatedTrace(
  client: WorkerClient,
  { sizeBytes }: ModelSummary,
  { request: { states, tokens }, memoryBytes, folder, diskBytes, estimateOnly }: StreamingRequest,
  signal: AbortSignal,
): Promise<TraceEstimate['limits'] | undefined> {
  if (!isEstimated({ sizeBytes }, memoryBytes) && !estimateOnly) return undefined;
  tell('fitting and comparing noise of the size of the states, for the estimate');
  const allowed = allowedBytes(memoryBytes);
  const asked = client.call('estimateTrace', { states, tokens, memoryBytes: allowed }, { signal });
  const estimate = await orNamedOptions(asked, folder, '');
  const { seconds } = estimate;
  const parts = (['reading', 'probes', 'similarity'] as const).map((part) => [part, seconds[part]] as const);
  for (const line of [timeLine(parts), ...sizeLines(estimate, allowed, folder !== null, 'trace')]) tell(line);
  await assertDiskFits(estimate, folder, diskBytes);
  return estimate.limits;
}

/** A refusal for too little memory comes with the options that help; `samples` ends the sentence. */
async function orNamedOptions<T>(estimate: Promise<T>, folder: string | null, samples: string): Promise<T> {
  try {
    return await estimate;
  } catch (thrown) {
    // What is too large in a file is another matter.
    if (!(thrown instanceof ContiguaError) || thrown.code !== 'too-large' || thrown.details.file) throw thrown;
    const place = folder === null ? 'name a folder for states (--states), ' : '';
    const hint = `Allow more memory (--memory), ${place}or analyse fewer tokens (--tokens)${samples}.`;
    throw new ContiguaError(thrown.code, thrown.summary, { ...thrown.details, hint });
  }
}

/**
 * Throws `too-large` where less of the disk is allowed. A disk that is too full is told alone: what an interrupted analysis has stored
 * there is part of what it needs.
 */
export async function assertDiskFits(
  { storedBytes }: Pick<AnalysisEstimate, 'storedBytes'>,
  folder: string | null,
  diskBytes: number | null,
  task: 'analysis' | 'capture' = 'analysis',
): Promise<void> {
  if (folder === null) return;
  if (diskBytes !== null && storedBytes > diskBytes) {
    throw new ContiguaError('too-large', `The states of this ${task} do not fit the disk that is allowed`, {
      file: folder,
      found: `${shownBytes(diskBytes)} allowed`,
      expected: `at least ${shownBytes(storedBytes)}`,
      hint: `Allow more (--disk), or ${task === 'analysis' ? 'analyse fewer tokens (--tokens)' : 'capture fewer tokens (--rows)'}.`,
    });
  }
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (storedBytes <= free) return;
  const needed = `${shownBytes(storedBytes)} are needed, ${shownBytes(free)} are free`;
  tell(`The disk may not suffice: ${needed}. What an interrupted ${task} has stored there is used again.`);
}

/** Whether a block is measured first: of a large model, and where memory is limited. */
export function isEstimated({ sizeBytes }: Pick<ModelSummary, 'sizeBytes'>, memoryBytes: number | null): boolean {
  return sizeBytes >= ESTIMATED_FROM_BYTES || memoryBytes !== null;
}

/** Of the whole process. */
export function allowedBytes(memoryBytes: number | null): number {
  return memoryBytes ?? Math.floor(freemem() * DEFAULT_MEMORY_SHARE);
}

export function estimateLines(
  { seconds, damage, ablation, tokens, memoryBytes, storedBytes, readBytes }: AnalysisEstimate,
  allowedBytes: number,
  inFiles: boolean,
): string[] {
  const parts = (['weights', 'forward', 'probes', 'similarity', 'damage'] as const).map(
    (part) => [part, seconds[part]] as const,
  );
  return [
    timeLine(parts),
    ...sizeLines({ tokens, memoryBytes, storedBytes, readBytes }, allowedBytes, inFiles, 'model'),
    damage.intervals === 0
      ? '  damage: no intervals to measure (--damage-intervals is 0, or there are too few tokens for this width)'
      : `  damage: ${damage.intervals} intervals on ${damage.samples} samples, ${duration(damage.secondsPerInterval)} each (--damage-intervals, --damage-samples)`,
    ...(ablation ? [ablationLine(ablation, damage.samples)] : []),
  ];
}

export function timeLine(parts: readonly (readonly [string, number])[]): string {
  const total = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  const each = parts.map(([part, seconds]) => `${part} ${duration(seconds)}`).join(', ');
  return `estimate: about ${duration(total)} (${each})`;
}

export function sizeLines(
  {
    tokens,
    memoryBytes,
    storedBytes,
    readBytes,
  }: Pick<TraceEstimate, 'tokens' | 'memoryBytes' | 'storedBytes' | 'readBytes'>,
  allowedBytes: number,
  inFiles: boolean,
  source: 'model' | 'trace',
): string[] {
  const read = Object.entries(tokens).map(([stream, count]) => `${count.toLocaleString('en-US')} of ${stream}`);
  // States of a trace stay in its file.
  const stored = source === 'model' ? 'states' : 'probes and results';
  return [
    `  tokens: ${read.join(', ')}`,
    `  memory: ${shownBytes(memoryBytes)} at the peak, of ${shownBytes(allowedBytes)} allowed`,
    `  ${inFiles ? 'disk' : `${stored}, in memory`}: ${shownBytes(storedBytes)}; read of the ${source}: ${shownBytes(readBytes)}`,
  ];
}

function ablationLine(
  { ways, seconds, readBytes }: NonNullable<AnalysisEstimate['ablation']>,
  samples: number,
): string {
  const count = ways.toLocaleString('en-US');
  const read = readBytes > 0 ? `, ${shownBytes(readBytes)} read of the model` : '';
  return `  ablation, after that: ${count} measurements on ${samples} samples, about ${duration(seconds)}${read} (--ablation, --damage-samples)`;
}

/** Undefined where all tokens were read. */
export function sampledWords({ calibration, settings }: AnalysisReport): string | undefined {
  const { tokens, validTokens } = calibration;
  if (!validTokens || settings.tokens === undefined) return undefined;
  const parts = Object.entries(tokens).map(
    ([stream, count]) =>
      `${count.toLocaleString('en-US')} of ${(validTokens[stream] ?? count).toLocaleString('en-US')} ${stream}`,
  );
  return `tokens read: ${parts.join(', ')}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function optional(args: Arguments, name: string, range: NumberRange): number | undefined {
  return args.text(name) === undefined ? undefined : args.number(name, 0, range);
}

/** "4", or "3-5,8-9". */
function intervalsOf(args: Arguments): number | readonly BlockInterval[] | undefined {
  const text = args.text('damage-intervals');
  if (text === undefined || !text.includes('-'))
    return optional(args, 'damage-intervals', ANALYSIS_BOUNDS.damageIntervals);
  const keys = text
    .split(',')
    .map((key) => parseIntervalKey(key, 'a number, or intervals as in 3-5,8-9', '--damage-intervals'));
  return [...new Map(keys.map((interval) => [formatIntervalKey(interval), interval])).values()];
}

const UNITS: Readonly<Record<string, number>> = {
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** "6GB", "512 MB"; null where it is not named. */
export function sizeOf(args: Options, name: string, command = 'analyse'): number | null {
  const text = args.text(name);
  if (text === undefined) return null;
  const [, number = '', unit = ''] = /^([0-9.]+)\s*([A-Za-z]+)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  const size = Number(number) * (factor ?? Number.NaN);
  if (size > 0) return size;
  throw usage(command, `--${name} does not fit`, text, 'a size such as 6GB or 512MB');
}
