'use client';
/** The two pictures and, fact by fact, what the checker reads in each. */
import { useEffect, useRef } from 'react';
import { CheckIcon, CrossIcon } from '@/components/ui/icons';
import type { Drawing } from '@/lib/compute/protocol.ts';
import { durationWords } from '@/lib/page/browser/number-words.ts';
import { changedWords } from '@/lib/page/explorer/made-of.ts';
import type { Drawn } from '@/lib/page/explorer/preview.ts';

interface PictureProps {
  title: string;
  drawn: Drawn | null;
  /** What has changed since it was drawn: prompt, seed, choice of blocks … */
  changed: readonly string[];
  /** 0…1 while it is being drawn. */
  share: number | null;
}

export function Picture({ title, drawn, changed, share }: PictureProps) {
  const stale = changed.length > 0;
  const canvas = useRef<HTMLCanvasElement>(null);
  const figure = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!drawn || !canvas.current) return;
    const { rgba, width, height } = drawn.drawing;
    canvas.current.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  }, [drawn]);
  const drawing = share !== null;
  useEffect(() => {
    if (drawing && figure.current) revealInColumn(figure.current);
  }, [drawing]);
  const facts = drawn?.drawing.facts ?? [];
  const held = facts.filter(({ holds }) => holds).length;
  return (
    <figure ref={figure} className="min-w-0">
      <div className="relative aspect-square overflow-hidden rounded-md border border-line bg-panel-2">
        {drawn ? (
          <canvas
            ref={canvas}
            role="img"
            aria-label={`${title} model's picture, ${held} of ${facts.length} facts hold`}
            width={drawn.drawing.width}
            height={drawn.drawing.height}
            className={`size-full [image-rendering:pixelated] ${stale ? 'opacity-35' : ''}`}
          />
        ) : null}
        {share !== null ? (
          <span className="absolute inset-x-0 bottom-0 h-1 bg-line">
            <span className="block h-full bg-ink" style={{ width: `${share * 100}%` }} />
          </span>
        ) : null}
        {stale && share === null ? (
          <span className="absolute inset-x-0 bottom-0 bg-panel/90 px-2 py-0.5 text-center text-2xs text-muted">
            outdated, {changedWords(changed)}: draw again
          </span>
        ) : null}
      </div>
      <figcaption className="mt-1 flex h-5 justify-between gap-2 text-xs">
        <span className="font-medium">{title}</span>
        <span
          className="truncate text-muted"
          title={drawn ? `Drawn in ${durationWords(drawn.drawing.durationMs)}` : ''}
        >
          {drawn ? `${held} of ${facts.length} facts` : ''}
        </span>
      </figcaption>
    </figure>
  );
}

/** Scrolls the side column alone; `scrollIntoView` would move the page as well. */
function revealInColumn(figure: HTMLElement): void {
  const column = figure.closest('[data-column]');
  if (!column || column.scrollHeight <= column.clientHeight) return;
  const foot = column.querySelector('[data-column-foot]')?.clientHeight ?? 0;
  const hidden = figure.getBoundingClientRect().bottom - (column.getBoundingClientRect().bottom - foot);
  if (hidden > 0) column.scrollBy({ top: hidden + 8 });
}

type Fact = Drawing['facts'][number];

interface FactTableProps {
  whole: readonly Fact[];
  pruned: readonly Fact[] | null;
  /** Whole and pruned: the picture is not of what the page says now. */
  outdated: readonly [whole: boolean, pruned: boolean];
}

/** `pruned` is null when the right picture belongs to another prompt or was not drawn. */
export function FactTable({ whole, pruned, outdated }: FactTableProps) {
  if (whole.length === 0) return null;
  return (
    <table className="mt-2 w-full text-xs">
      <caption className="sr-only">What the checker reads in the pictures</caption>
      <thead className="text-left align-bottom text-muted">
        <tr className="h-6">
          <th scope="col" className="font-normal">
            Fact
          </th>
          <th scope="col" className="w-22 font-normal">
            Whole{outdated[0] ? <Outdated /> : null}
          </th>
          <th scope="col" className="w-22 font-normal">
            Pruned{pruned && outdated[1] ? <Outdated /> : null}
          </th>
        </tr>
      </thead>
      <tbody>
        {whole.map((fact, index) => (
          <tr key={fact.name} className="h-5">
            <th
              scope="row"
              className="max-w-0 truncate pr-2 text-left font-normal"
              title={`${fact.name}: ${fact.expected}`}
            >
              <span className="sr-only">
                {fact.name}: {fact.expected}
              </span>
              <span aria-hidden className="text-muted">
                {shortName(fact.name)}
              </span>{' '}
              <span aria-hidden>{fact.expected}</span>
            </th>
            <Verdict fact={fact} />
            <Verdict fact={pruned?.[index] ?? null} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const Outdated = () => <span className="block text-2xs">outdated</span>;

const PLACES: Readonly<Record<string, string>> = {
  'top-left': '↖',
  'top-right': '↗',
  'bottom-left': '↙',
  'bottom-right': '↘',
};

/** "top-left size" as "↖ size": the column is narrow, the full name is in the title and for screen readers. */
function shortName(name: string): string {
  const [place, ...rest] = name.split(' ');
  const arrow = place && rest.length > 0 ? PLACES[place] : undefined;
  return arrow ? `${arrow} ${rest.join(' ')}` : name;
}

/** A mark and, where the fact does not hold, what is there instead: never colour alone. */
function Verdict({ fact }: { fact: Fact | null }) {
  if (!fact) return <td className="text-muted">–</td>;
  return (
    <td title={`Expected ${fact.expected}, seen ${fact.seen}`}>
      <span className={`flex items-center gap-1 ${fact.holds ? 'text-muted' : 'text-danger'}`}>
        <span className="scale-75">{fact.holds ? <CheckIcon /> : <CrossIcon />}</span>
        {fact.holds ? <span className="sr-only">holds</span> : <span className="truncate">{fact.seen}</span>}
      </span>
    </td>
  );
}
