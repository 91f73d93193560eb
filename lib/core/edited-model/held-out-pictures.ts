/** How many facts of captions that training never showed a model draws, and some of its pictures. */
import type { Drawer } from '../folder/drawer.ts';
import { type Route, squarePicture, type Transformer } from '../model/index.ts';
import { seededRandom } from '../random.ts';
import { samplePictures } from '../sampling/index.ts';
import { captionWords, randomScene, unpackPicture } from '../shapes/index.ts';
import { type Drawing, drawingOf } from './draw-prompt.ts';
import { conditionFor } from './text-condition.ts';

export interface HeldOutPictures {
  readonly facts: { readonly held: number; readonly total: number; readonly pictures: number };
  /** The first pictures drawn. */
  readonly drawings: readonly { readonly caption: string; readonly drawing: Drawing }[];
}

/** Pictures drawn at once, twice that many samples in a forward. */
const DRAWN_AT_ONCE = 16;
/** Pictures that are handed on to be looked at, unless asked otherwise. */
const SHOWN = 6;

export async function drawHeldOut(
  transformer: Transformer,
  { assets, scheduler, gridSize }: Drawer,
  asked: {
    readonly route: Route | undefined;
    readonly pictures: number;
    /** Captions of the same seed that go before and are not drawn now. */
    readonly skip?: number;
    readonly steps: number;
    readonly guidance: number;
    readonly seed: number;
    readonly shown?: number;
  },
  signal: AbortSignal,
  onPicture: (done: number, total: number) => void,
): Promise<HeldOutPictures> {
  const random = seededRandom(asked.seed);
  const { skip = 0 } = asked;
  const scenes = Array.from({ length: skip + asked.pictures }, () => randomScene(random, true)).slice(skip);
  const facts = { held: 0, total: 0, pictures: asked.pictures };
  const drawings: HeldOutPictures['drawings'][number][] = [];
  for (let from = 0; from < scenes.length; from += DRAWN_AT_ONCE) {
    const some = scenes.slice(from, from + DRAWN_AT_ONCE);
    const startedAt = performance.now();
    const pictures = await samplePictures(
      transformer,
      some.map((scene, i) => ({
        conditional: conditionFor(assets, captionWords(scene)),
        seed: asked.seed + skip + from + i,
      })),
      {
        ...asked,
        scheduler,
        unconditional: conditionFor(assets, []),
        imageShapes: squarePicture(gridSize),
        signal,
      },
    );
    const durationMs = (performance.now() - startedAt) / some.length;
    for (const [i, scene] of some.entries()) {
      const drawing = drawingOf(unpackPicture(pictures[i]!), scene, durationMs);
      facts.held += drawing.facts.filter(({ holds }) => holds).length;
      facts.total += drawing.facts.length;
      if (drawings.length < (asked.shown ?? SHOWN)) drawings.push({ caption: captionWords(scene).join(' '), drawing });
    }
    onPicture(Math.min(scenes.length, from + some.length), scenes.length);
  }
  return { facts, drawings };
}
