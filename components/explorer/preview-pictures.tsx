'use client';
/** A picture with its title and the facts that hold in it. */
import { useEffect, useRef } from 'react';
import { durationWords } from '@/lib/page/browser/number-words.ts';
import { changedWords } from '@/lib/page/explorer/made-of.ts';
import type { Drawn } from '@/lib/page/explorer/preview.ts';

interface PictureProps {
  title: string;
  /** Names the picture where the title alone does not. */
  name?: string;
  drawn: Drawn | null;
  /** What has changed since it was drawn: prompt, seed, choice of blocks … */
  changed: readonly string[];
  /** 0…1 while it is being drawn. */
  share: number | null;
  /** Scrolls its column to it when it begins to be drawn. */
  isRevealed?: boolean;
}

export function Picture({
  title,
  name = `${title} model's picture`,
  drawn,
  changed,
  share,
  isRevealed = true,
}: PictureProps) {
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
    if (drawing && isRevealed && figure.current) revealInColumn(figure.current);
  }, [drawing, isRevealed]);
  const facts = drawn?.drawing.facts ?? [];
  const held = facts.filter(({ holds }) => holds).length;
  return (
    <figure ref={figure} className="@container min-w-0">
      <div className="relative aspect-square overflow-hidden rounded-md border border-line bg-panel-2">
        {drawn ? (
          <canvas
            ref={canvas}
            role="img"
            aria-label={`${name}, ${held} of ${facts.length} facts hold`}
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
          {drawn ? (
            <>
              {held} of {facts.length}
              <span className="@max-[8rem]:hidden"> facts</span>
            </>
          ) : null}
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
