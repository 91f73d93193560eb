'use client';
/** Text groups and feed-forward layers as rows: what each alone leaves, measured on request, sortable, with a switch for each. */
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { Button, IconButton } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { DownloadIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { LONGEST_ABLATION, leastFfns, leastTextGroups, type WidthCandidates } from '@/lib/core/detection/index.ts';
import { editKey } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { whyNone } from '@/lib/core/model/config-index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { saveCsv } from '@/lib/page/browser/export-chart.ts';
import { ablationStore, stopAblation } from '@/lib/page/explorer/ablations.ts';
import {
  listedNarrower,
  measureNarrower,
  type Narrower,
  narrowerStore,
  proposedGroups,
  stopNarrower,
  takenOutFfns,
  unmeasuredWidth,
} from '@/lib/page/explorer/narrower.ts';
import { narrowerCsv } from '@/lib/page/explorer/narrower-csv.ts';
import { choose, chosenNarrower } from '@/lib/page/explorer/selection.ts';
import { FRAMES_BEFORE, useFramesAfter } from './frames-after';
import { MeasureButton, useMeasurable } from './measure-button';
import { type NarrowerOrder, NarrowerTable, sortedNarrower } from './narrower-table';
import { useAnalysis } from './use-analysis';
import { useStreams } from './use-linked';
import { useModel, useSelection } from './use-model';

type Kind = Narrower['on'];
const KINDS = [
  { value: 'text-stream', label: 'Text groups' },
  { value: 'ffn', label: 'FFNs' },
] as const;

export function NarrowerPanel() {
  const summary = useModel((state) => state.summary);
  const report = useAnalysis((state) => state.report);
  const [on, setOn] = useState<Kind>('text-stream');
  const reason = summary && whyNone(on === 'ffn' ? summary.narrower.anyFfn : summary.narrower.text);
  const isDue = useFramesAfter(summary !== null && report !== null, FRAMES_BEFORE.narrower);
  return (
    <Panel
      title="Narrower blocks"
      help={
        <Help about="narrower blocks">
          <p>
            These edits take no block out. In a <em>text group</em> the first block updates the text, and each of the
            others takes a linear projection of it; one more projection gives the text after the group. A{' '}
            <em>linear FFN</em> is one linear map in the place of a block’s feed-forward layers in one stream.
          </p>
          <p>
            Maps are ridge least squares on prompts that are not held out, without any training. <em>Output error</em>{' '}
            is of the whole model’s output with this edit alone, <em>fit error</em> of what the map stands for; both on
            held-out prompts. <em>Taken out</em> is the output error with all feed-forward layers of the block gone; on
            the sample it orders FFNs of the image better than the fit error does. Maps of a choice are fitted together
            when it is measured, previewed or exported.
          </p>
        </Help>
      }
      tools={<Choice name="Kind of narrower blocks" value={on} options={KINDS} onChange={setOn} />}
    >
      {reason ? (
        <p className="rounded-md border border-dashed border-line px-3 py-3 text-xs leading-5 text-muted">{reason}</p>
      ) : (
        <>
          {summary?.narrower.readBy && <p className="mb-2 text-2xs text-muted">{summary.narrower.readBy}</p>}
          {summary && report ? (
            <Measured key={on} on={on} summary={summary} report={report} isDue={isDue} />
          ) : (
            <p className="grid h-28 place-content-center text-center text-xs text-muted">
              Analyse proposes text groups; or choose on the strip.
            </p>
          )}
        </>
      )}
    </Panel>
  );
}

interface MeasuredProps {
  on: Kind;
  summary: ModelSummary;
  report: AnalysisReport;
  /** Whether the list may be drawn already. */
  isDue: boolean;
}

function Measured({ on, summary, report, isDue }: MeasuredProps) {
  const narrower = useSelection(chosenNarrower);
  const streams = useStreams();
  const [order, setOrder] = useState<NarrowerOrder>({ by: 'output', isAscending: true });
  const labelOf = useCallback((id: string) => streams.find((one) => one.id === id)?.label ?? id, [streams]);
  const chosen = useMemo(
    () => narrower.filter((edit): edit is Narrower => edit.on === 'text-stream' || edit.on === 'ffn'),
    [narrower],
  );
  const proposed = useMemo(() => proposedGroups(report, summary), [report, summary]);
  const others = useMemo(
    () => (on === 'ffn' ? takenOutFfns(report, summary) : proposed),
    [on, report, summary, proposed],
  );
  const rows = useMemo(
    () => sortedNarrower(listedNarrower(on, report, [...others, ...chosen]), order),
    [on, report, others, chosen, order],
  );
  return (
    <>
      <Least
        on={on}
        report={report}
        chosen={chosen}
        isEmpty={rows.length === 0}
        onCsv={() => {
          const name = on === 'ffn' ? 'ffns' : 'text-groups';
          saveCsv(`contigua-${report.model.name}-${name}.csv`, narrowerCsv(rows, new Set(chosen.map(editKey))));
        }}
      />
      <section
        aria-label={on === 'ffn' ? 'Feed-forward layers' : 'Text groups'}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        className="-mx-4 h-48 overflow-y-auto border-y border-line px-4 [scrollbar-width:thin]"
      >
        {rows.length === 0 ? (
          <p className="grid h-full place-content-center text-center text-xs text-muted">
            {on === 'ffn'
              ? 'Not measured yet. The switches are on the strip.'
              : 'No text group is proposed. Measure every group, or draw one on the strip.'}
          </p>
        ) : isDue ? (
          <NarrowerTable
            rows={rows}
            hasTakenOut={on === 'ffn'}
            proposed={proposed}
            chosen={new Set(chosen.map(editKey))}
            order={order}
            onOrder={setOrder}
            labelOf={labelOf}
          />
        ) : null}
      </section>
      <Measure on={on} summary={summary} report={report} proposed={proposed} />
    </>
  );
}

/** Takes the ones of least output error that go together. */
interface LeastProps {
  on: Kind;
  report: AnalysisReport;
  chosen: readonly Narrower[];
  isEmpty: boolean;
  onCsv: () => void;
}

function Least({ on, report, chosen, isEmpty, onCsv }: LeastProps) {
  const width = useMemo(() => report.width ?? [], [report]);
  const most = useMemo(
    () =>
      on === 'ffn'
        ? new Set(width.flatMap(({ edit }) => (edit.on === 'ffn' ? [edit.block] : []))).size
        : leastTextGroups(width, Number.POSITIVE_INFINITY).length,
    [on, width],
  );
  const own = chosen.filter((edit) => edit.on === on);
  const count = on === 'ffn' ? new Set(own.map((edit) => (edit.on === 'ffn' ? edit.block : -1))).size : own.length;
  const noun = on === 'ffn' ? 'Blocks with linear FFNs' : 'Text groups';
  const title =
    most === 0
      ? 'Measure them first'
      : on === 'ffn'
        ? `Takes that many of the ${most} measured blocks, those of least output error, and makes their FFNs linear in all streams`
        : `Takes that many measured groups, at most ${most}: those that share no block and have the least total output error`;
  const take = (next: number) =>
    choose({
      type: 'choose-narrower',
      on,
      edits: on === 'ffn' ? leastFfns(width, next) : leastTextGroups(width, next),
    });
  return (
    <div className="mb-2 flex items-center gap-2 text-xs">
      <label className="flex items-center gap-1.5 whitespace-nowrap text-muted" title={title}>
        Take the
        <select
          aria-label={`${noun} of least output error`}
          value={Math.min(count, most)}
          disabled={most === 0}
          onChange={(event) => take(Number(event.target.value))}
          className="h-7 rounded-md border border-line bg-panel px-1 text-xs text-ink disabled:opacity-50"
        >
          {Array.from({ length: most + 1 }, (_, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: numbers are their places
            <option key={n} value={n}>
              {n}
            </option>
          ))}
        </select>
        of least output error
      </label>
      <IconButton
        className="ml-auto"
        name={on === 'ffn' ? 'Download FFNs as CSV' : 'Download text groups as CSV'}
        disabled={isEmpty}
        onClick={onCsv}
      >
        <DownloadIcon />
      </IconButton>
      <Button
        look="ghost"
        small
        className="-mr-2"
        aria-label={on === 'ffn' ? 'Clear FFNs' : 'Clear text groups'}
        disabled={own.length === 0}
        onClick={() => choose({ type: 'choose-narrower', on, edits: [] })}
      >
        Clear
      </Button>
    </div>
  );
}

interface MeasureProps {
  on: Kind;
  summary: ModelSummary;
  report: AnalysisReport;
  proposed: readonly Narrower[];
}

/** What is left to measure, or how far it is; of one height. */
function Measure({ on, summary, report, proposed }: MeasureProps) {
  const running = useStore(narrowerStore, (state) => state.running);
  const taking = useStore(ablationStore, (state) =>
    on === 'ffn' && state.running?.which === 'parts' ? state.running : null,
  );
  const now = running ?? taking;
  if (now) {
    const { done, total } = now;
    const what = running ? (running.stage === 'probes' ? 'Fitting maps, block' : 'Measured') : 'Taken out';
    const words = `${what} ${done} of ${total}`;
    return (
      <div className="mt-2 flex min-h-7 items-center gap-3 text-2xs text-muted">
        <span className="whitespace-nowrap">{words}</span>
        <div className="min-w-0 flex-1">
          <Progress name="Narrower blocks" share={total > 0 ? done / total : 0} text={words} />
        </div>
        <Button small aria-label="Stop measuring narrower blocks" onClick={running ? stopNarrower : stopAblation}>
          Stop
        </Button>
      </div>
    );
  }
  return (
    <div className="mt-2 flex min-h-7 flex-wrap items-center gap-2">
      {on === 'ffn' ? (
        <>
          <MeasureWidth which="ffn" summary={summary} report={report}>
            every FFN
          </MeasureWidth>
          <MeasureButton report={report} which="parts">
            FFN and attention taken out
          </MeasureButton>
        </>
      ) : (
        <>
          <MeasureWidth which="text" summary={summary} report={report} isEmpty={proposed.length === 0}>
            proposed
          </MeasureWidth>
          <MeasureWidth which="text-all" summary={summary} report={report}>
            all of 2–{LONGEST_ABLATION}
          </MeasureWidth>
        </>
      )}
    </div>
  );
}

interface MeasureWidthProps {
  which: WidthCandidates;
  summary: ModelSummary;
  report: AnalysisReport;
  /** Nothing is proposed, so that there is nothing to measure. */
  isEmpty?: boolean;
  children: ReactNode;
}

function MeasureWidth({ which, summary, report, isEmpty = false, children }: MeasureWidthProps) {
  const { whyNot, isBusy } = useMeasurable(report);
  const left = useMemo(() => unmeasuredWidth(which, report, summary).length, [which, report, summary]);
  return (
    <Button
      small
      disabled={left === 0 || isBusy || whyNot !== null}
      title={isEmpty ? 'Detection finds no group in the text stream of this analysis' : (whyNot ?? undefined)}
      onClick={() => void measureNarrower(which, summary, report)}
    >
      {isEmpty ? 'None' : left === 0 ? 'Measured' : 'Measure'} {children}
      {left > 0 ? ` (${left})` : ''}
    </Button>
  );
}
