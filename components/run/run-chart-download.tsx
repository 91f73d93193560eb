'use client';
/** The run's figures and tables, as files. */
import type { Subset } from '@/lib/page/run/plugged.ts';
import type { FollowedRun } from '@/lib/page/run/run-events.ts';
import { DownloadMenu } from '../frame/download-menu';
import { useRun } from './run-context';
import type { RunFigure } from './run-figures';

const FIGURES: readonly { readonly figure: RunFigure; readonly label: string }[] = [
  { figure: 'losses', label: 'Loss curves' },
  { figure: 'held-out', label: 'Held-out errors' },
];

export function RunChartDownload() {
  const run = useRun((state) => state);
  return <FigureMenu name="Download training figures" figures={FIGURES} run={run} />;
}

interface FigureMenuProps {
  name: string;
  figures: readonly { readonly figure: RunFigure; readonly label: string }[];
  run: FollowedRun | null;
  /** The subset that a Pareto chart rings. */
  current?: Subset | null;
}

export function FigureMenu({ name, figures, run, current = null }: FigureMenuProps) {
  return (
    <DownloadMenu
      name={name}
      figures={figures}
      disabled={!run}
      save={async (figure, kind) => {
        if (!run) return;
        const { saveRunFigure } = await import('./run-figures');
        await saveRunFigure(run, figure, kind, current);
      }}
    />
  );
}
