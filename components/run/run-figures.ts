/** From a run on the page to figures and tables, with what their captions must say. Loaded with the first download. */
import { seriesOf } from '@/components/charts/draw-loss-curve.ts';
import { figureName } from '@/components/charts/export-figures.ts';
import { heldOutSvg, lossesSvg, paretoSvg, type RunFacts } from '@/components/charts/export-run-figures.ts';
import { heldOutCsv, lossesCsv, subsetsCsv } from '@/components/charts/export-run-tables.ts';
import { subsetKey } from '@/lib/core/run/index.ts';
import { saveCsv, savePng, saveSvg } from '@/lib/page/browser/export-chart.ts';
import type { Subset } from '@/lib/page/run/plugged.ts';
import type { FollowedRun } from '@/lib/page/run/run-events.ts';
import { jobTitle, smoothed, smoothingWindow } from '@/lib/page/run/run-progress.ts';
import { settingLines } from '@/lib/page/run/run-settings.ts';
import type { FileKind } from '../frame/download-menu';
import { fewestParameters, paretoPoints, qualityFor } from './pareto-points.ts';

export type RunFigure = 'losses' | 'held-out' | 'pareto';

export async function saveRunFigure(
  run: FollowedRun,
  figure: RunFigure,
  kind: FileKind,
  current: Subset | null = null,
): Promise<void> {
  const name = figureName(run.view.model.name, [run.view.name, figure], kind);
  if (kind === 'csv') return saveCsv(name, tableOf(run, figure));
  const svg = figureOf(run, figure, current);
  if (kind === 'svg') return saveSvg(name, svg);
  await savePng(name, svg);
}

function tableOf({ view, curves }: FollowedRun, figure: RunFigure): string {
  const { streams } = view.plan.model;
  switch (figure) {
    case 'losses':
      return lossesCsv(
        view.jobs.map(({ key }) => ({ key, points: curves[key] ?? [] })),
        streams,
      );
    case 'held-out':
      return heldOutCsv(view.jobs, streams);
    case 'pareto':
      return subsetsCsv(view.subsets);
    default:
      return figure satisfies never;
  }
}

function figureOf({ view, curves }: FollowedRun, figure: RunFigure, current: Subset | null): string {
  const facts = factsOf(view);
  const { streams } = view.plan.model;
  switch (figure) {
    case 'losses':
      return lossesSvg(
        view.jobs.map((job) => {
          const points = curves[job.key] ?? [];
          const series = seriesOf(
            points,
            streams,
            (values) => smoothed(values, smoothingWindow(points)),
            job.kind === 'student' || job.kind === 'maps' ? 'streams' : 'output',
          );
          return { name: jobTitle(job), steps: job.steps, series };
        }),
        facts,
      );
    case 'held-out':
      return heldOutSvg(
        view.jobs.flatMap((job) =>
          job.edit
            ? [
                {
                  name: jobTitle(job),
                  steps: job.steps,
                  baselines: job.baselines,
                  points: job.heldOut,
                  firstBlock: job.edit.first,
                },
              ]
            : [],
        ),
        streams,
        facts,
      );
    case 'pareto': {
      const quality = qualityFor(view);
      const points = paretoPoints(view.subsets, quality);
      const data = { points, quality, whole: view.model.parameters, least: fewestParameters(view) };
      return paretoSvg(data, current ? subsetKey(current) : '', facts);
    }
    default:
      return figure satisfies never;
  }
}

function factsOf(view: FollowedRun['view']): RunFacts {
  const engines = [
    ...new Set(view.jobs.flatMap(({ worker }) => (worker ? `${worker.engine} (${worker.device})` : []))),
  ];
  return {
    model: view.model.name,
    settings: [
      `Run ${view.name}, begun ${view.createdAt}.${engines.length > 0 ? ` Engine: ${engines.join(', ')}.` : ''}`,
      `Settings: ${settingLines(view.settings)
        .map(({ name, value }) => `${name.toLowerCase()} ${value}`)
        .join('; ')}.`,
      `n = ${view.settings.distil.heldOutSamples} samples held out.`,
    ],
  };
}
