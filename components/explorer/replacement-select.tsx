'use client';
/** What stands in for one chosen run: small, for a row of the table. */
import { ChevronIcon } from '@/components/ui/icons';
import { type RunEdit, replacementWord } from '@/lib/core/edit/index.ts';
import { PAGE_REPLACEMENTS } from '@/lib/page/explorer/edits.ts';
import { choose } from '@/lib/page/explorer/selection.ts';

export function ReplacementSelect({ edit }: { edit: RunEdit }) {
  const { first, last } = edit;
  return (
    <span className="relative inline-flex items-center">
      <select
        aria-label={`Interval ${first} to ${last} replaced by`}
        title="What stands in for the later blocks of this interval"
        value={edit.by}
        onChange={(event) => {
          const by = PAGE_REPLACEMENTS.find((one) => one === event.target.value);
          if (by) choose({ type: 'replace-by', by, interval: { first, last } });
        }}
        className="h-5 appearance-none rounded border border-line bg-panel py-0 pr-3.5 pl-1 text-2xs hover:bg-panel-2"
      >
        {PAGE_REPLACEMENTS.map((by) => (
          <option key={by} value={by}>
            {replacementWord(by)}
          </option>
        ))}
      </select>
      <span className="pointer-events-none absolute -right-0.5 scale-75 text-muted">
        <ChevronIcon />
      </span>
    </span>
  );
}
