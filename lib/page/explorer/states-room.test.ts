import { afterEach, expect, test, vi } from 'vitest';
import { assertStorageFits } from './analysis-limits.ts';
import { roomForStates } from './states-room.ts';

const MODEL = { numBlocks: 8, width: 512 };

afterEach(() => vi.unstubAllGlobals());

type Tree = { readonly [name: string]: number | Tree | 'removed' };

function directory(tree: Tree): unknown {
  return {
    kind: 'directory',
    async *values() {
      for (const entry of Object.values(tree)) yield typeof entry === 'object' ? directory(entry) : file(entry);
    },
  };
}

function file(size: number | 'removed'): unknown {
  const getFile = async () => {
    if (size === 'removed') throw new DOMException('gone', 'NotFoundError');
    return { size };
  };
  return { kind: 'file', getFile };
}

function browser(estimate: object, tree: Tree): void {
  vi.stubGlobal('navigator', {
    storage: { estimate: async () => estimate, getDirectory: async () => directory(tree) },
  });
}

test('an interrupted analysis continues in a browser that does not name the size of its files', async () => {
  // 60 MB of 80 MB are stored, beside 10 MB of the site's other data.
  browser({ quota: 100e6, usage: 70e6 }, { analyses: { one: { 'image.0.f32': 40e6, 'image.1.f32': 20e6 } } });
  const room = await roomForStates();
  expect(room).toBeCloseTo(81e6, 0);
  expect(() => assertStorageFits({ storedBytes: 80e6, tokens: { image: 512 } }, room, MODEL)).not.toThrow();
});

test('a file that another tab removes meanwhile takes no room', async () => {
  browser(
    { quota: 100e6, usage: 70e6 },
    { analyses: { one: { 'image.0.f32': 60e6 }, two: { 'image.0.f32': 'removed' } } },
  );
  expect(await roomForStates()).toBeCloseTo(81e6, 0);
});

test('the size that the browser names is taken where there is one', async () => {
  browser({ quota: 100e6, usage: 70e6, usageDetails: { fileSystem: 60e6 } }, {});
  expect(await roomForStates()).toBeCloseTo(81e6, 0);
  browser({ quota: 100e6, usage: 70e6, usageDetails: {} }, {});
  expect(await roomForStates()).toBeCloseTo(27e6, 0);
  browser({ usage: 70e6 }, {});
  expect(await roomForStates()).toBe(Number.POSITIVE_INFINITY);
});
