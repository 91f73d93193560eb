/**
 * The charts' data as CSV (RFC 4180, header first, one row per observation). Full precision; an empty field is "n/a" or
 * not measured.
 */
import { type BlockInterval, intervalAt } from '@/lib/core/interval/index.ts';
import { traitLabels } from '@/lib/core/model/config-index.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import type { NoiseRowsData } from './draw-noise-rows.ts';
import type { StripFigureData } from './export-figures.ts';
import { curveNames, curveRow } from './trajectory-curves.ts';
import type { Measured, TrajectoryCurves } from './types.ts';

type Field = Measured | string;

function csv(header: readonly string[], rows: readonly (readonly Field[])[]): string {
  return [header, ...rows].map((row) => `${row.map((field) => field ?? '').join(',')}\r\n`).join('');
}

const spanField = (interval: BlockInterval | null): string => (interval ? `${interval.first}-${interval.last}` : '');

/** A model of several stacks also says which stack each block is in and where; one of unequal blocks, what each has. */
export function layerStripCsv(data: StripFigureData): string {
  const { numBlocks, stacks = [], blocks: declared = [], traits = [], selection, detected, probeR2 } = data;
  const { groups = null, ffns = [], modulations = [] } = data.narrower ?? {};
  const blocks = Array.from({ length: numBlocks }, (_, block) => block);
  const streams = probeR2 ? data.streams.map(({ id }) => id) : [];
  const several = stacks.length > 1;
  const stackFields = (block: number): Field[] => {
    const stack = stacks.find(({ first, last }) => first <= block && block <= last);
    return several && stack ? [stack.label, block - stack.first] : [];
  };
  return csv(
    [
      'block',
      ...(several ? ['stack', 'block_in_stack'] : []),
      ...(traits.length > 0 ? ['traits'] : []),
      ...streams.map((stream) => `probe_r2_${stream}`),
      'detected_interval',
      'chosen_interval',
      ...(groups ? ['proposed_text_group', 'chosen_text_group'] : []),
      ...ffns.map(({ stream }) => `linear_ffn_${stream.id}`),
      ...(modulations.length > 0 ? ['modulation'] : []),
    ],
    blocks.map((block) => [
      block,
      ...stackFields(block),
      ...(traits.length > 0 ? [traitLabels(traits, declared[block]).join('; ')] : []),
      ...streams.map((stream) => probeR2?.[stream]?.[block]),
      spanField(intervalAt(detected, block)),
      spanField(intervalAt(selection, block)),
      ...(groups ? [groups.proposed, groups.chosen].map((of) => spanField(intervalAt(of, block))) : []),
      ...ffns.map(({ chosen }) => (chosen.has(block) ? 'yes' : '')),
      ...(modulations.length > 0 ? [modulations.find(({ blocks }) => blocks.includes(block))?.words] : []),
    ]),
  );
}

/** A column for each noise level. */
export function noiseRowsCsv({ rows }: NoiseRowsData): string {
  const blocks = Math.max(0, ...rows.map(({ values }) => values.length));
  return csv(
    ['block', ...rows.map(({ id }) => id)],
    Array.from({ length: blocks }, (_, block) => [block, ...rows.map(({ values }) => values[block])]),
  );
}

export function heatmapCsv(matrix: Matrix): string {
  return csv(
    ['block_i', 'block_j', 'state_cka'],
    matrix.flatMap((row, i) => row.map((value, j) => [i, j, value])),
  );
}

/** Every start, not the one in focus alone: rows with k ≥ u. */
export function trajectoriesCsv(curves: TrajectoryCurves): string {
  const { cka, differences } = curves;
  const names = curveNames(curves);
  const columns = names.flatMap((stream) => [`surrogate_cka_${stream}`, `difference_${stream}`]);
  const rows = cka.mean.flatMap((row, start) =>
    row.flatMap((_, k) =>
      k < start
        ? []
        : [[start, k, ...names.flatMap((s) => [curveRow(cka, s, start)[k], curveRow(differences, s, start)[k]])]],
    ),
  );
  return csv(['start_u', 'block_k', ...columns], rows);
}
