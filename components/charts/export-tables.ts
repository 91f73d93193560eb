/**
 * The charts' data as CSV (RFC 4180, header first, one row per observation). Full precision; an empty field is "n/a" or
 * not measured.
 */
import { type BlockInterval, intervalAt } from '@/lib/core/interval/index.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import type { StripFigureData } from './export-figures.ts';
import { type Measured, TRAJECTORY_STREAMS, type TrajectoryCurves } from './types.ts';

type Field = Measured | string;

function csv(header: readonly string[], rows: readonly (readonly Field[])[]): string {
  return [header, ...rows].map((row) => `${row.map((field) => field ?? '').join(',')}\r\n`).join('');
}

const spanField = (interval: BlockInterval | null): string => (interval ? `${interval.first}-${interval.last}` : '');

export function layerStripCsv({ numBlocks, selection, detected, probeR2 }: StripFigureData): string {
  const blocks = Array.from({ length: numBlocks }, (_, block) => block);
  return csv(
    ['block', 'probe_r2_image', 'probe_r2_text', 'detected_interval', 'chosen_interval'],
    blocks.map((block) => [
      block,
      probeR2?.image[block],
      probeR2?.text[block],
      spanField(intervalAt(detected, block)),
      spanField(intervalAt(selection, block)),
    ]),
  );
}

export function heatmapCsv(matrix: Matrix): string {
  return csv(
    ['block_i', 'block_j', 'cka'],
    matrix.flatMap((row, i) => row.map((value, j) => [i, j, value])),
  );
}

/** Every start, not the one in focus alone: rows with k ≥ u. */
export function trajectoriesCsv({ cka, differences }: TrajectoryCurves): string {
  const columns = TRAJECTORY_STREAMS.flatMap((stream) => [`cka_${stream}`, `difference_${stream}`]);
  const rows = cka.mean.flatMap((row, start) =>
    row.flatMap((_, k) =>
      k < start
        ? []
        : [[start, k, ...TRAJECTORY_STREAMS.flatMap((s) => [cka[s][start]?.[k], differences[s][start]?.[k]])]],
    ),
  );
  return csv(['start_u', 'block_k', ...columns], rows);
}
