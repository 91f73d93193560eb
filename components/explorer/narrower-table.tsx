'use client';
/** Rows of text groups or feed-forward layers with their errors; a click on a head sorts by it, again and the other way round. */
import { Switch } from '@/components/ui/switch';
import { editKey, spanOf, type TextStreamEdit } from '@/lib/core/edit/index.ts';
import { containsInterval } from '@/lib/core/interval/index.ts';
import type { WidthDamage } from '@/lib/core/report/report.ts';
import { shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';
import { spanWords } from '@/lib/page/explorer/edit-words.ts';
import { setHover } from '@/lib/page/explorer/hover.ts';
import type { ListedNarrower, Narrower } from '@/lib/page/explorer/narrower.ts';
import { choose } from '@/lib/page/explorer/selection.ts';

export interface NarrowerOrder {
  readonly by: 'blocks' | 'fit' | 'output' | 'taken-out';
  readonly isAscending: boolean;
}

/** What is not measured, and what overflows, comes last either way. */
export function sortedNarrower(
  rows: readonly ListedNarrower[],
  { by, isAscending }: NarrowerOrder,
): readonly ListedNarrower[] {
  const keyOf = ({ edit, fitError, outputError, takenOut }: ListedNarrower): number | null => {
    if (by === 'blocks') return spanOf(edit).first;
    return { fit: fitError, output: outputError, 'taken-out': takenOut }[by] ?? null;
  };
  return rows.toSorted((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || byDepth(a, b);
    return (isAscending ? x - y : y - x) || byDepth(a, b);
  });
}

const byDepth = (a: ListedNarrower, b: ListedNarrower): number =>
  spanOf(a.edit).first - spanOf(b.edit).first || spanOf(a.edit).last - spanOf(b.edit).last;

interface NarrowerTableProps {
  rows: readonly ListedNarrower[];
  /** Feed-forward layers can be taken out; text groups cannot. */
  hasTakenOut: boolean;
  proposed: readonly TextStreamEdit[];
  /** By `editKey`. */
  chosen: ReadonlySet<string>;
  order: NarrowerOrder;
  onOrder: (order: NarrowerOrder) => void;
  labelOf: (stream: string) => string;
}

export function NarrowerTable({ rows, hasTakenOut, proposed, chosen, order, onOrder, labelOf }: NarrowerTableProps) {
  const head = { order, onOrder };
  return (
    <table className="w-full text-xs">
      <thead className="sticky top-0 z-10 bg-panel text-muted">
        <tr className="h-8 align-bottom [&>th]:pb-1">
          <Head by="blocks" {...head} className="text-left">
            Blocks
          </Head>
          <Head by="fit" {...head} title="Error of the linear map, or of all maps of the group, on held-out prompts">
            fit error
          </Head>
          <Head by="output" {...head} title="Relative error of the output with this edit alone, on held-out samples">
            output error
          </Head>
          {hasTakenOut ? (
            <Head
              by="taken-out"
              {...head}
              title="Relative error of the output with the block’s feed-forward layers taken out, in all streams: measured ablation"
            >
              taken out
            </Head>
          ) : null}
          <th scope="col" className="w-9 text-right font-normal">
            use
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row
            key={editKey(row.edit)}
            row={row}
            hasTakenOut={hasTakenOut}
            isProposed={row.edit.on === 'text-stream' && containsInterval(proposed, row.edit)}
            isChosen={chosen.has(editKey(row.edit))}
            labelOf={labelOf}
          />
        ))}
      </tbody>
    </table>
  );
}

interface HeadProps extends Pick<NarrowerTableProps, 'order' | 'onOrder'> {
  by: NarrowerOrder['by'];
  title?: string;
  className?: string;
  children: string;
}

function Head({ by, order, onOrder, title, className = 'text-right', children }: HeadProps) {
  const isSorted = order.by === by;
  return (
    <th
      scope="col"
      className={`pl-2 font-normal first:pl-0 ${className}`}
      aria-sort={isSorted ? (order.isAscending ? 'ascending' : 'descending') : undefined}
    >
      <button
        type="button"
        className="hover:text-ink"
        title={title}
        onClick={() => onOrder({ by, isAscending: isSorted ? !order.isAscending : true })}
      >
        {children}
        {isSorted ? (order.isAscending ? '\u00a0↑' : '\u00a0↓') : ''}
      </button>
    </th>
  );
}

interface RowProps extends Pick<NarrowerTableProps, 'hasTakenOut'> {
  row: ListedNarrower;
  isProposed: boolean;
  isChosen: boolean;
  labelOf: (stream: string) => string;
}

function Row({ row, hasTakenOut, isProposed, isChosen, labelOf }: RowProps) {
  const { edit, fitError, fitBounds, outputError, bounds, takenOut } = row;
  const { first, last } = spanOf(edit);
  return (
    <tr
      className="h-6 hover:bg-panel-2"
      onPointerEnter={() => setHover({ block: first, other: last })}
      onPointerLeave={() => setHover({ block: null })}
    >
      <td className={isChosen ? 'font-medium text-accent' : ''}>
        {edit.on === 'ffn' ? `${edit.block} ${labelOf(edit.stream)}` : spanWords(edit)}
        {isProposed ? <span className="ml-1.5 text-2xs font-normal text-muted">proposed</span> : null}
      </td>
      <td className="pl-2 text-right" title={rangeTitle(fitBounds)}>
        {errorWords(fitError)}
      </td>
      <td className="pl-2 text-right" title={rangeTitle(bounds)}>
        {errorWords(outputError)}
      </td>
      {hasTakenOut ? <td className="pl-2 text-right">{errorWords(takenOut)}</td> : null}
      <td>
        <div className="flex items-center justify-end">
          <Switch name={nameOf(edit, labelOf)} on={isChosen} onChange={() => choose({ type: 'toggle', edit })} />
        </div>
      </td>
    </tr>
  );
}

function nameOf(edit: Narrower, labelOf: (stream: string) => string): string {
  return edit.on === 'ffn'
    ? `Linear FFN of block ${edit.block}, ${labelOf(edit.stream)} stream`
    : `Text group ${edit.first} to ${edit.last}`;
}

/** A dash where it was not measured; "n/a" where there is nothing to say, as when the output overflows. */
const errorWords = (error: number | null | undefined): string => (error === undefined ? '–' : percentWords(error));

const rangeTitle = (bounds: WidthDamage['fitBounds'] | undefined): string | undefined =>
  bounds ? `95 % interval ${shareRangeWords(bounds)}` : undefined;
