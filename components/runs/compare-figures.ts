/** Compared runs as a figure and a table. Loaded with the first download. */
import type { LossSeries } from '@/components/charts/draw-loss-curve.ts';
import { figureName } from '@/components/charts/export-figures.ts';
import { comparisonSvg } from '@/components/charts/export-run-figures.ts';
import { lossesCsv } from '@/components/charts/export-run-tables.ts';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { StepPoint } from '@/lib/core/run/index.ts';
import { saveCsv, savePng, saveSvg } from '@/lib/page/browser/export-chart.ts';
import { settingDifferences } from '@/lib/page/run/run-settings.ts';
import type { ComparedRun } from '@/lib/page/runs/run-compare.ts';
import type { FileKind } from '../frame/download-menu';

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly curves: readonly (readonly StepPoint[])[];
  readonly key: string;
  readonly stream: StreamSpec;
  readonly streams: readonly StreamSpec[];
  readonly metric: string;
  readonly losses: readonly LossSeries[];
  readonly errors: readonly LossSeries[];
  readonly steps: number;
}

export async function saveComparison(comparison: Comparison, kind: FileKind): Promise<void> {
  const { runs, curves, key, stream, streams, metric } = comparison;
  const views = runs.flatMap(({ view }) => view ?? []);
  const name = figureName(views[0]?.model.name ?? 'runs', ['comparison', key], kind);
  if (kind === 'csv') {
    const table = lossesCsv(
      runs.map(({ id }, i) => ({ key: `${id} ${key}`, points: curves[i] ?? [] })),
      streams,
    );
    return saveCsv(name, table);
  }
  const differences = settingDifferences(views.map(({ settings }) => settings));
  const { losses, errors, steps } = comparison;
  const svg = comparisonSvg(
    [
      { name: `Loss, ${stream.label} stream`, steps, series: losses },
      { name: `Held-out ${metric} error, ${stream.label} stream`, steps, series: errors },
    ],
    {
      model: views[0]?.model.name ?? '',
      settings: [
        `Interval ${key.replace('-', '–')}. ${views.map(({ name: run, id }, i) => `Run ${i + 1}: ${run} (${id})`).join('; ')}.`,
        differences.length === 0
          ? 'All runs have the same settings.'
          : `Settings that differ: ${differences.map((d) => `${d.name.toLowerCase()} ${d.values.map((v) => v ?? 'n/a').join(' / ')}`).join('; ')}.`,
      ],
    },
  );
  if (kind === 'svg') return saveSvg(name, svg);
  await savePng(name, svg);
}
