'use client';
/** The same captions and noise, drawn by the teacher and by the model with the plugged students, with the checker's count. */
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { SubsetView } from '@/lib/core/run/index.ts';
import { measuredSubset, presentSubset } from '@/lib/page/run/plugged.ts';
import { useRun } from './run-context';
import { usePlugged } from './use-plugged';

type Picture = SubsetView['pictures'][number];
const SHOWN = 6;

export function RunPictures() {
  const view = useRun((run) => run.view);
  const choice = usePlugged();
  const drawable = view?.model.drawable ?? true;
  const teacher = view ? measuredSubset(view, { plugged: [], fineTuned: false }) : null;
  const subset = view ? measuredSubset(view, presentSubset(view, choice)) : null;
  const count = drawable
    ? Math.min(SHOWN, Math.max(3, teacher?.pictures.length ?? 0, subset?.pictures.length ?? 0))
    : 0;
  return (
    <Panel
      title="Pictures"
      help={
        <Help about="the pictures">
          <p>
            Both models start from the same noise and follow the same caption. Under each picture: how many of the
            caption's facts the checker finds in it.
          </p>
        </Help>
      }
      reading={
        drawable
          ? 'Same captions, same noise: teacher above, plugged below. Captions on hover.'
          : 'Pictures need the captions and grammar of the sample model; this model has none.'
      }
    >
      <ul className="grid grid-cols-3 gap-x-2 gap-y-3 md:grid-cols-6 xl:grid-cols-3">
        {Array.from({ length: count }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a place, not an item: captions are the same in every subset
          <li key={i} className="min-w-0">
            <Drawn picture={teacher?.pictures[i] ?? null} by="Teacher" />
            <Drawn picture={subset?.pictures[i] ?? null} by="Plugged" />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Drawn({ picture, by }: { picture: Picture | null; by: string }) {
  const words = picture ? `${picture.held} of ${picture.facts} facts` : '';
  return (
    <figure className="mt-1 first:mt-0" title={picture ? `${by}: ${picture.caption} (${words})` : undefined}>
      {picture ? (
        // biome-ignore lint/performance/noImgElement: a 32-pixel data URL; there is nothing to optimise
        <img
          src={picture.png}
          alt={`${by}: ${picture.caption}, ${words} hold`}
          className="aspect-square w-full rounded border border-line [image-rendering:pixelated]"
        />
      ) : (
        <div className="aspect-square w-full rounded border border-line bg-panel-2" />
      )}
      <figcaption className="flex h-4 justify-between text-2xs text-muted" aria-hidden="true">
        <span>{picture ? `${picture.held}/${picture.facts}` : ''}</span>
        {picture && picture.held < picture.facts ? (
          <span className="text-danger">✗</span>
        ) : picture ? (
          <span>✓</span>
        ) : null}
      </figcaption>
    </figure>
  );
}
