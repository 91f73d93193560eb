/** A prompt of the sample's grammar as a picture, with the checker's verdict on what the prompt says. */
import { ContiguaError } from '../errors.ts';
import type { Drawer } from '../folder/drawer.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { type Route, squarePicture, type Transformer } from '../model/index.ts';
import { samplePicture } from '../sampling/index.ts';
import { checkPicture, type ParsedPrompt, pictureRgba, type Scene, unpackPicture } from '../shapes/index.ts';
import { conditionFor } from './text-condition.ts';

export interface Drawing {
  /** 32 × 32 × RGBA. */
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** The checker's verdict per caption fact; null for captions that state none. */
  readonly facts: readonly {
    readonly name: string;
    readonly expected: string;
    readonly seen: string;
    readonly holds: boolean;
  }[];
  readonly durationMs: number;
}

/** Throws `not-ready` for a model that cannot draw. */
export function drawerOf({ drawer, summary }: OpenModel): Drawer {
  if (drawer) return drawer;
  throw new ContiguaError('not-ready', `${summary.name} cannot draw here`, {
    expected: 'a model of the sample grammar, with its scheduler, vocabulary and text embeddings',
  });
}

export interface DrawOptions {
  readonly seed: number;
  readonly steps: number;
  readonly guidance: number;
  readonly route: Route | undefined;
  readonly signal: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

export async function drawPrompt(
  transformer: Transformer,
  { assets, scheduler, gridSize }: Drawer,
  { words, scene }: ParsedPrompt,
  options: DrawOptions,
): Promise<Drawing> {
  const startedAt = performance.now();
  const tokens = await samplePicture(transformer, {
    ...options,
    scheduler,
    conditional: conditionFor(assets, words),
    unconditional: conditionFor(assets, []),
    imageShapes: squarePicture(gridSize),
  });
  const durationMs = performance.now() - startedAt;
  return drawingOf(unpackPicture(tokens), scene, durationMs);
}

/** `pixels` are a square of RGB; no facts without a scene. */
export function drawingOf(pixels: Float32Array, scene: Scene | null, durationMs: number): Drawing {
  const side = Math.sqrt(pixels.length / 3);
  const facts = scene ? checkPicture(pixels, scene) : [];
  return { rgba: pictureRgba(pixels), width: side, height: side, facts, durationMs };
}
