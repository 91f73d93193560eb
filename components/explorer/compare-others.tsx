/** The analyses that can be shown beside the one on the page. */
import { useEffect } from 'react';
import { useStore } from 'zustand';
import { FileButton } from '@/components/ui/file-button';
import { Switch } from '@/components/ui/switch';
import { agreementWords } from '@/lib/page/explorer/comparison.ts';
import { allOthers, openOther, othersStore, readKept } from '@/lib/page/explorer/others.ts';
import { useAnalysed } from './use-analysis';
import { useComparison } from './use-comparison';

export function CompareOthers() {
  const { shown, kept, files } = useStore(othersStore);
  const comparison = useComparison();
  const analysed = useAnalysed();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another analysis reads them itself (others.ts)
  useEffect(() => void readKept(analysed), []);
  const others = allOthers({ kept, files });
  const count = others.length === 1 ? '1 other analysis' : `${others.length} other analyses`;
  return (
    <>
      <h2 className="mb-2 text-sm font-semibold">Compare analyses</h2>
      <p className="mb-3 text-xs text-muted">
        Analyses of this model with other seeds or inputs. How far they agree says more than the bounds of one, whose
        probes are fitted once.
      </p>
      {kept === null ? (
        <p className="text-xs text-muted">Reading the analyses that this browser keeps…</p>
      ) : others.length === 0 ? (
        <p className="text-xs text-muted">
          This browser keeps no other analysis of this model. Analyse with another seed, or open a report.
        </p>
      ) : (
        <div className="flex items-center justify-between gap-2 text-xs">
          Compare with {count} of this model
          <Switch
            name={`Compare with ${count} of this model`}
            on={shown}
            onChange={(on) => othersStore.setState({ shown: on })}
          />
        </div>
      )}
      <ul className="my-2 space-y-1 text-xs text-muted">
        {others.map(({ name, report }) => {
          const reason = comparison?.refused.find((one) => one.report === report)?.reason;
          return (
            <li key={`${name} ${report.blockMs[0]}`} className="wrap-anywhere">
              {reason?.includes(name) ? '' : name}
              {reason ? `${reason.includes(name) ? '' : '. '}Left out: ${reason}` : ''}
            </li>
          );
        })}
      </ul>
      {comparison ? (
        <p role="status" className="mb-2 text-xs">
          {agreementWords(comparison)}
        </p>
      ) : null}
      <FileButton
        small
        name="Report to compare with"
        testId="report-file"
        accept=".json"
        onPick={([file]) => void openOther(file, analysed.report)}
      >
        Open report…
      </FileButton>
    </>
  );
}
