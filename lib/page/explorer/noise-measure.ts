/**
 * Where blocks matter at each noise level, one number per block and band. Removal cost is what a reader wants to know and
 * is taken where it was measured for every block; otherwise the held-out error of the blocks' linear probes, which every
 * report has. Pure.
 */
import { blockAblation } from '@/lib/core/detection/index.ts';
import { type BlockInterval, stackAround } from '@/lib/core/interval/index.ts';
import type { AnalysisReport, NoiseBand } from '@/lib/core/report/report.ts';
import { percentWords } from '../browser/number-words.ts';

type Row = readonly (number | null)[];

export interface NoiseMeasure {
  readonly measure: 'removal' | 'probe';
  /** All timesteps together first, then the bands of the report. */
  readonly rows: readonly NoiseRow[];
}
export interface NoiseRow {
  readonly id: 'together' | NoiseBand['id'];
  /** [M]; null where there is nothing to say. */
  readonly values: Row;
}

/** Null where the report has no bands. */
export function noiseMeasure(report: AnalysisReport): NoiseMeasure | null {
  if (report.bands.length === 0) return null;
  const removal = removalRows(report);
  if (removal) return { measure: 'removal', rows: removal };
  const streams = Object.values(report.streams);
  const mean = (rows: readonly Row[]): Row =>
    Array.from({ length: report.model.numBlocks }, (_, block) => meanOf(rows.map((row) => row[block] ?? null)));
  return {
    measure: 'probe',
    rows: [
      { id: 'together', values: mean(streams.map(({ probeError }) => probeError)) },
      ...report.bands.map(({ id }, at) => ({
        id,
        values: mean(streams.map(({ bands }) => bands[at]?.probeError ?? [])),
      })),
    ],
  };
}

/** Null unless every block that can be taken out alone was, at every band. */
function removalRows(report: AnalysisReport): readonly NoiseRow[] | null {
  const { numBlocks, stacks } = report.model;
  const depth = { numBlocks, stacks };
  const alone = Array.from({ length: numBlocks }, (_, block) => blockAblation(report, block));
  const complete = alone.every((damage, block) =>
    damage ? damage.bands.length === report.bands.length : !canGoAlone(block, depth),
  );
  if (!complete) return null;
  return [
    { id: 'together', values: alone.map((damage) => damage?.outputError ?? null) },
    ...report.bands.map(({ id }, at) => ({ id, values: alone.map((damage) => damage?.bands[at] ?? null) })),
  ];
}

/** The first block of a stack has no block before it that could stand for it. */
const canGoAlone = (block: number, depth: { numBlocks: number; stacks: readonly BlockInterval[] }): boolean =>
  block > stackAround(block, depth).first;

function meanOf(values: Row): number | null {
  const present = values.filter((value) => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}

export const MEASURE_NAMES = {
  removal: 'output error without the block',
  probe: 'held-out probe error',
} as const satisfies Record<NoiseMeasure['measure'], string>;

/** As its measure is written: a share of the output in percent, a probe's error as a plain number. */
export function measureText(measure: NoiseMeasure['measure'], value: number | null): string {
  if (measure === 'removal') return percentWords(value);
  return value === null ? 'n/a' : value.toFixed(3);
}

/** "Largest, by block: early 0 (41 %), 15 (32 %); late …", short enough for one line above the chart. */
export function noiseWords({ measure, rows }: NoiseMeasure): string {
  const most = rows
    .filter(({ id }) => id !== 'together')
    .flatMap(({ id, values }) => {
      const ranked = values
        .flatMap((value, block) => (value === null ? [] : [{ value, block }]))
        .sort((a, b) => b.value - a.value);
      const [first, second] = ranked;
      if (!first) return [];
      const named = [first, second].flatMap((one) =>
        one ? [`${one.block} (${measure === 'removal' ? percentWords(one.value) : one.value.toFixed(2)})`] : [],
      );
      return [`${id} ${named.join(', ')}`];
    });
  return most.length === 0 ? '' : `Largest, by block: ${most.join('; ')}.`;
}
