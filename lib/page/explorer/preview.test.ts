import { expect, test, vi } from 'vitest';
import type { CallOptions } from '@/lib/compute/client.ts';
import { ffnEdit, modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { drawBoth, previewStore, whyNotDrawn } from './preview.ts';

const { shares } = vi.hoisted(() => ({ shares: [] as number[] }));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  // Reads modulations before it draws.
  ask: async (_task: string, _input: unknown, { onProgress }: CallOptions<'draw'>) => {
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
