'use client';
/** The run's figures and tables, as files. */
import { Button } from '@/components/ui/button';
import { DownloadIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import { showError } from '@/lib/client/notices.ts';
import type { Subset } from '@/lib/client/plugged.ts';
import type { FollowedRun } from '@/lib/client/run-events.ts';
import { useRun } from './run-context';
import type { RunFigure, RunFileKind } from './run-figures';

const FIGURES: readonly { readonly figure: RunFigure; readonly label: string }[] = [
  { figure: 'losses', label: 'Loss curves' },
  { figure: 'held-out', label: 'Held-out errors' },
];
const KINDS = ['svg', 'png', 'csv'] as const;

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
    <Popover
      name={name}
      label={<DownloadIcon />}
      disabled={!run}
      panelClass="w-64"
      buttonClass="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-panel-2 hover:text-ink disabled:pointer-events-none disabled:opacity-35"
    >
      <div className="space-y-2">
        {figures.map(({ figure, label }) => (
          <div key={figure} className="flex items-center gap-1">
            <span className="flex-1 text-xs text-muted">{label}</span>
            {KINDS.map((kind) => (
              <Button
                key={kind}
                small
                aria-label={`${label} as ${kind.toUpperCase()}`}
                onClick={() => void save(run, figure, kind, current)}
              >
                {kind.toUpperCase()}
              </Button>
            ))}
          </div>
        ))}
      </div>
    </Popover>
  );
}

async function save(
  run: FollowedRun | null,
  figure: RunFigure,
  kind: RunFileKind,
  current: Subset | null,
): Promise<void> {
  if (!run) return;
  try {
    const { saveRunFigure } = await import('./run-figures');
    await saveRunFigure(run, figure, kind, current);
  } catch (thrown) {
    showError(thrown);
  }
}
