/** The data of a run's charts as CSV (RFC 4180, header first). Full precision; an empty field is "n/a" or not measured. */

import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { Baselines, HeldOutPoint, StandInError, StepPoint, SubsetView } from '@/lib/core/run/index.ts';
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';
import { STAND_INS } from './draw-held-out.ts';

type Field = string | number | boolean | null | undefined;

function csv(header: readonly string[], rows: readonly (readonly Field[])[]): string {
  return [header, ...rows].map((row) => `${row.map((field) => quoted(field ?? '')).join(',')}\r\n`).join('');
}

function quoted(field: string | number | boolean): string {
  const text = String(field);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface JobCurve {
  readonly key: string;
  readonly points: readonly StepPoint[];
}

export function lossesCsv(jobs: readonly JobCurve[], streams: readonly StreamSpec[]): string {
  return csv(
    ['job', 'step', ...streams.map(({ id }) => `loss_${id}`), 'gradient_norm', 'learning_rate', 'duration_ms'],
    jobs.flatMap(({ key, points }) =>
      points.map((p) => [
        key,
        p.step,
        ...streams.map(({ id }) => p.losses[id]),
        p.gradientNorm,
        p.learningRate,
        p.durationMs,
      ]),
    ),
  );
}

export interface JobErrors {
  readonly key: string;
  readonly baselines: Baselines | null;
  readonly heldOut: readonly HeldOutPoint[];
}

const METRICS = ['direction', 'magnitude', 'relative'] as const;

export function heldOutCsv(jobs: readonly JobErrors[], streams: readonly StreamSpec[]): string {
  const columns = streams.flatMap(({ id }) => METRICS.map((metric) => `${metric}_${id}`));
  const fields = (error: StandInError | undefined) =>
    streams.flatMap(({ id }) => METRICS.map((metric) => error?.[id]?.[metric]));
  return csv(
    ['interval', 'stand_in', 'step', ...columns],
    jobs.flatMap(({ key, baselines, heldOut }) => [
      ...(baselines ? STAND_INS.map((name) => [key, STAND_IN_FIELDS[name], null, ...fields(baselines[name])]) : []),
      ...heldOut.map(({ step, student }) => [key, 'student', step, ...fields(student)]),
    ]),
  );
}

const STAND_IN_FIELDS = { firstBlock: 'first_block', probes: 'probes', removal: 'removed' } as const;

const ends = (bounds: { readonly low: number; readonly high: number } | null | undefined) => [
  bounds?.low,
  bounds?.high,
];

export function subsetsCsv(subsets: readonly SubsetView[]): string {
  return csv(
    [
      'plugged',
      'fine_tuned',
      'blocks',
      'parameters',
      'facts_held',
      'facts_total',
      'pictures',
      'output_error',
      'whole_ms',
      'subset_ms',
      'facts_low',
      'facts_high',
      'output_error_low',
      'output_error_high',
    ],
    subsets.map((s) => [
      s.plugged.join(' '),
      s.fineTuned,
      s.blocks,
      s.parameters,
      s.facts?.held,
      s.facts?.total,
      s.facts?.pictures,
      s.outputError,
      s.wholeMs,
      s.subsetMs,
      ...ends(s.facts && wilsonInterval(s.facts.held, s.facts.total)),
      ...ends(s.outputErrorBounds),
    ]),
  );
}
