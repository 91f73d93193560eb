'use client';
/** Takes a chart away: the figure as SVG or PNG, its numbers as CSV. */
import { Button } from '@/components/ui/button';
import { DownloadIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { showError } from '@/lib/page/browser/notices.ts';
import type { ChartName, FileKind } from './chart-figures';
import { useAnalysis } from './use-analysis';

const KINDS: readonly (readonly [kind: FileKind, words: string])[] = [
  ['svg', 'SVG'],
  ['png', 'PNG'],
  ['csv', 'CSV'],
];

interface ChartDownloadProps {
  /** What is downloaded, in words: "Download blocks". */
  name: string;
  charts: readonly { readonly chart: ChartName; readonly label: string }[];
}

export function ChartDownload({ name, charts }: ChartDownloadProps) {
  const report = useAnalysis((state) => state.report);
  return (
    <Popover
      name={`Download ${name}`}
      label={<DownloadIcon />}
      disabled={!report}
      panelClass="w-64"
      buttonClass="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-panel-2 hover:text-ink disabled:pointer-events-none disabled:opacity-35"
    >
      <div className="space-y-2">
        {charts.map(({ chart, label }) => (
          <div key={chart} className="flex items-center gap-1">
            <span className="flex-1 text-xs text-muted">{label}</span>
            {KINDS.map(([kind, words]) => (
              <Button
                key={kind}
                small
                aria-label={`${label} as ${words}`}
                onClick={() => void save(chart, kind, report)}
              >
                {words}
              </Button>
            ))}
          </div>
        ))}
      </div>
    </Popover>
  );
}

async function save(chart: ChartName, kind: FileKind, report: AnalysisReport | null): Promise<void> {
  if (!report) return;
  try {
    const { saveChart } = await import('./chart-figures');
    await saveChart(chart, kind, report);
  } catch (thrown) {
    showError('figure', thrown);
  }
}
