'use client';
/** A button that opens a list of figures, each to be saved as SVG, PNG or CSV. */
import { Button } from '@/components/ui/button';
import { DownloadIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import { showError } from '@/lib/page/browser/notices.ts';

export type FileKind = 'svg' | 'png' | 'csv';
const KINDS: readonly FileKind[] = ['svg', 'png', 'csv'];

interface DownloadMenuProps<F extends string> {
  name: string;
  figures: readonly { readonly figure: F; readonly label: string }[];
  disabled: boolean;
  save: (figure: F, kind: FileKind) => Promise<void>;
}

export function DownloadMenu<F extends string>({ name, figures, disabled, save }: DownloadMenuProps<F>) {
  return (
    <Popover
      name={name}
      label={<DownloadIcon />}
      disabled={disabled}
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
                onClick={() => void save(figure, kind).catch((thrown) => showError('figure', thrown))}
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
