import { beforeEach, expect, test, vi } from 'vitest';
import type { CallOptions } from '@/lib/compute/client.ts';
import type { Tasks } from '@/lib/compute/protocol.ts';
import { ffnEdit, formatEditParam, modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { PageRun } from './edits.ts';
import { changedSince } from './made-of.ts';
import {
  clearPreview,
  drawBoth,
  drawCompared,
  pictureOf,
  previewStore,
  prunedOf,
  stopDraw,
  wholeOf,
  whyNotDrawn,
} from './preview.ts';

const { shares, asked } = vi.hoisted(() => ({ shares: [] as number[], asked: [] as string[] }));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  // Reads modulations before it draws.
  ask: async (_task: string, input: Tasks['draw']['input'], { onProgress, signal }: CallOptions<'draw'>) => {
    asked.push(`${formatEditParam(input.edits, 'nothing') || 'whole'} seed ${input.seed}`);
    await new Promise((resolve) => setTimeout(resolve));
    if (signal?.aborted) throw new ContiguaError('cancelled', 'Stopped');
    for (const [stage, done, total] of [
      ['modulations', 2, 2],
      ['draw', 1, 4],
    ] as const) {
      onProgress?.({ stage, done, total });
      shares.push(previewStore.getState().share);
    }
    return { pixels: new Uint8ClampedArray(), facts: [] };
  },
}));

beforeEach(() => {
  clearPreview();
  previewStore.setState({ seed: 1 });
  shares.length = 0;
  asked.length = 0;
});

test('the share of a picture is of drawing alone, not of what comes before', async () => {
  await drawBoth('sha256:00', [], null);
  expect(shares).toEqual([0, 0.25]);
});

test('maps of narrower blocks need an analysis, and removing blocks in place of them is no way out', () => {
  const probed = runEdit({ first: 1, last: 2 }, 'probes');
  expect(whyNotDrawn([probed], null, null)).toBe(
    'Probes are fitted by an analysis: press Analyse, or preview with the blocks just removed.',
  );
  expect(whyNotDrawn([probed, ffnEdit(4, 'image')], null, null)).toBe(
    'Linear maps are fitted by an analysis: press Analyse.',
  );
  expect(whyNotDrawn([modulationEdit({ rank: 4 })], null, null)).toBeNull();
});

test('a table of modulations is not drawn, analysis or not', () => {
  expect(whyNotDrawn([modulationEdit({ table: [1, 500] })], null, null)).toMatch(/table of modulations/);
});

const removed = (first: number, last: number): PageRun => ({ ...runEdit({ first, last }, 'nothing'), by: 'nothing' });
test('compared plans are drawn from the same noise beside the whole model, and each picture once', async () => {
  const [held, present] = [[removed(3, 5)], [removed(8, 10), ffnEdit(2, 'image')]];
  await drawCompared('sha256:00', { present, held }, null);
  expect(asked).toEqual(['whole seed 1', '8-10.f2-image seed 1', '3-5 seed 1']);
  expect(previewStore.getState().pruned?.of['choice of blocks']).toBe('8-10');
  // The preview's own column stays where it is.
  expect(previewStore.getState().isComparing).toBe(true);
  // Another plan beside the held one, which the preview's button draws too.
  await drawBoth('sha256:00', [removed(1, 2)], null);
  expect(previewStore.getState().isComparing).toBe(false);
  await drawCompared('sha256:00', { present: [removed(1, 2)], held }, null);
  expect(asked.slice(3)).toEqual(['1-2 seed 1']);
  // Back at the first one: its picture is still there.
  await drawCompared('sha256:00', { present, held }, null);
  expect(asked).toHaveLength(4);
  previewStore.setState({ seed: 2 });
  await drawCompared('sha256:00', { present, held }, null);
  expect(asked.slice(4)).toEqual(['whole seed 2', '8-10.f2-image seed 2', '3-5 seed 2']);
});

test('where the whole model is one of the compared plans, its picture is drawn once', async () => {
  const held = [removed(3, 5)];
  await drawCompared('sha256:00', { present: [], held }, null);
  expect(asked).toEqual(['whole seed 1', '3-5 seed 1']);
  expect(pictureOf(previewStore.getState(), [], {})).toBe(previewStore.getState().whole);
});

test('a picture of another seed stays to be seen, and says what changed', async () => {
  const held = [removed(3, 5)];
  await drawCompared('sha256:00', { present: [], held }, null);
  previewStore.setState({ seed: 2 });
  const now = prunedOf(wholeOf('sha256:00', previewStore.getState().prompt, 2), held, null);
  const shown = pictureOf(previewStore.getState(), held, now);
  expect(changedSince(shown?.of ?? {}, now)).toEqual(['seed']);
});

test('what was drawn before a stop stays, and the next call draws the rest', async () => {
  const [held, present] = [[removed(3, 5)], [removed(8, 10)]];
  const stop = previewStore.subscribe(({ drawing }) => drawing === 'pruned' && stopDraw());
  await drawCompared('sha256:00', { present, held }, null);
  stop();
  expect(previewStore.getState()).toMatchObject({ drawing: null, pruned: null });
  await drawCompared('sha256:00', { present, held }, null);
  expect(asked.slice(2)).toEqual(['8-10 seed 1', '3-5 seed 1']);
});
