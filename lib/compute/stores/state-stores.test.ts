import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import {
  floatsPiece,
  jsonPiece,
  memoryStates,
  putFloats,
  putJson,
  type StateStore,
  tieredStates,
} from '../../core/states/index.ts';
import { diskStates } from './disk-states.ts';
import { fakeOpfs } from './opfs-fixtures.ts';
import { opfsStates } from './opfs-states.ts';

const folders: string[] = [];
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-states-'));
  folders.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** How a store is opened: again and again on the same place, each time as a new process would. */
type Place = (budgetBytes?: number) => Promise<StateStore>;
const ON_DISK = async (): Promise<Place> => {
  const folder = await newFolder();
  return (budget) => diskStates(folder, budget);
};
const IN_OPFS = async (): Promise<Place> => {
  const directory = fakeOpfs();
  return (budget) => opfsStates(directory, budget);
};
const STORES: Record<string, () => Promise<Place>> = {
  memory: async () => async (budget) => memoryStates(budget),
  disk: ON_DISK,
  opfs: IN_OPFS,
  'memory, then disk': async () => {
    const folder = await newFolder();
    return async (budget) => tieredStates(memoryStates(600), await diskStates(folder, budget));
  },
};

function random(count: number): Float32Array {
  const { normal } = seededRandom(count);
  return Float32Array.from({ length: count }, () => normal());
}
async function put(store: StateStore, key: string, values: Float32Array, width: number): Promise<void> {
  await store.create(key, values.length / width, width);
  await store.write(key, 0, values);
  await store.seal(key);
}
/** The bits: NaN and −0 are told apart. */
const bits = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

describe.each(Object.entries(STORES))('states in %s', (_, place) => {
  it('gives back what was written, to the bit, in whole and in part', async () => {
    const store = await (await place())();
    const values = random(70);
    values.set([Number.NaN, -0, Number.POSITIVE_INFINITY, 1e-45], 3);
    await put(store, 'image/-1', values, 7);
    expect(await store.shape('image/-1')).toEqual({ rows: 10, width: 7 });
    expect(bits(await store.read('image/-1'))).toEqual(bits(values));
    expect(bits(await store.read('image/-1', 2, 5))).toEqual(bits(values.slice(14, 35)));
    expect(await store.read('image/-1', 4, 4)).toHaveLength(0);
    await store.dispose();
  });

  it('takes rows in any order, in views of larger arrays, and copies them', async () => {
    const store = await (await place())();
    const values = random(60);
    const given = values.slice();
    await store.create('text/3', 10, 6);
    await store.write('text/3', 6, given.subarray(36));
    await store.write('text/3', 0, given.subarray(0, 12));
    await store.write('text/3', 2, given.subarray(12, 36));
    given.fill(0);
    await store.seal('text/3');
    expect(bits(await store.read('text/3'))).toEqual(bits(values));
    const read = await store.read('text/3');
    read.fill(1);
    expect(bits(await store.read('text/3'))).toEqual(bits(values));
    await store.dispose();
  });

  it('knows only sealed matrices, and refuses to seal one that lacks rows', async () => {
    const store = await (await place())();
    await store.create('image/0', 4, 2);
    await store.write('image/0', 0, random(6));
    expect(await store.shape('image/0')).toBeNull();
    await expect(store.read('image/0')).rejects.toThrow('No sealed state image/0');
    await expect(store.seal('image/0')).rejects.toThrow('lacks 1 of its 4 rows');
    await store.write('image/0', 3, random(2));
    await store.seal('image/0');
    await expect(store.write('image/0', 0, random(2))).rejects.toThrow('was not created, or is sealed');
    await store.dispose();
  });

  it('refuses rows outside the matrix and keys that are no file names', async () => {
    const store = await (await place())();
    await store.create('image/0', 4, 2);
    await expect(store.write('image/0', 3, random(4))).rejects.toThrow(RangeError);
    await expect(store.write('image/0', 0, random(3))).rejects.toThrow(RangeError);
    for (const key of ['', '../x', 'a//b', 'a.b', '/a', 'a b']) {
      await expect(store.create(key, 1, 1)).rejects.toThrow('Not a key');
    }
    await put(store, 'image/1', random(8), 2);
    await expect(store.read('image/1', 3, 5)).rejects.toThrow('it has 4');
    await store.dispose();
  });

  it('replaces and removes matrices, and counts what is left', async () => {
    const store = await (await place())();
    const used = () => store.usage.memoryBytes + store.usage.storedBytes;
    await put(store, 'image/0', random(80), 4);
    const before = used();
    expect(before).toBeGreaterThanOrEqual(320);
    await put(store, 'image/0', random(80).reverse(), 4);
    expect(used()).toBe(before);
    expect(bits(await store.read('image/0'))).toEqual(bits(random(80).reverse()));
    await store.create('image/0', 2, 2);
    expect(await store.shape('image/0')).toBeNull();
    await store.remove('image/0');
    await store.remove('image/0');
    expect(used()).toBe(0);
    await store.dispose();
  });

  it('is empty once it was cleared, and then takes states again', async () => {
    const store = await (await place())(2000);
    await put(store, 'a', random(6), 3);
    await put(store, 'b', random(300), 3);
    await store.create('half', 4, 2);
    await store.clear();
    expect(await store.shape('a')).toBeNull();
    expect(await store.shape('b')).toBeNull();
    expect(store.usage).toEqual({ memoryBytes: 0, storedBytes: 0 });
    const values = random(300);
    await put(store, 'b', values, 3);
    expect(bits(await store.read('b'))).toEqual(bits(values));
  });

  it('keeps results beside states', async () => {
    const store = await (await place())();
    const json = { words: 'größer', numbers: [0.1, -1e-300, null, 1 / 3] };
    const floats = Float64Array.from([Math.PI, Number.NaN, -0]);
    await putJson(store, 'cka/image', json);
    await putFloats(store, 'cka/resampled', floats);
    expect(await jsonPiece(store, 'cka/image')).toEqual(json);
    const found = await floatsPiece(store, 'cka/resampled');
    expect(found!.every((value, i) => Object.is(value, floats[i]))).toBe(true);
    expect(await jsonPiece(store, 'cka/other')).toBeNull();
    await store.dispose();
  });

  it('names the smallest budget that would fit', async () => {
    const store = await (await place())(1000);
    await put(store, 'image/0', random(150), 3);
    const over = store.create('image/1', 1000, 100);
    await expect(over).rejects.toMatchObject({ code: 'too-large' });
    await expect(over).rejects.toThrow(/expected at least 40[12] kB/);
    expect(await store.shape('image/1')).toBeNull();
    expect(await store.shape('image/0')).not.toBeNull();
    await store.dispose();
  });
});

describe.each([
  ['disk', ON_DISK],
  ['opfs', IN_OPFS],
] as const)('states in files (%s)', (_, place) => {
  it('finds sealed matrices again after a restart, and no half-written ones', async () => {
    const open = await place();
    const first = await open();
    const values = random(700_000);
    await put(first, 'image/0', values, 7);
    await first.create('image/1', 2, 2);
    await first.write('image/1', 0, random(4));
    // No dispose: a killed process does not get to it.
    const second = await open();
    expect(await second.shape('image/0')).toEqual({ rows: 100_000, width: 7 });
    expect(bits(await second.read('image/0'))).toEqual(bits(values));
    if (place === ON_DISK) expect(await second.shape('image/1')).toBeNull();
    await first.dispose();
    const third = await open();
    expect(await third.shape('image/1')).toBeNull();
    expect(third.usage.storedBytes).toBe(700_000 * 4 + 32);
  });
});

it('takes a file of disk whose values changed, or that was cut, for one that is not there', async () => {
  const folder = await newFolder();
  const store = await diskStates(folder);
  for (const key of ['a/1', 'a/2', 'a/3']) await put(store, key, random(1000), 10);
  const path = (name: string) => join(folder, `${name}.f32`);
  const bytes = await readFile(path('a.1'));
  bytes[2001]! ^= 1;
  await writeFile(path('a.1'), bytes);
  await writeFile(path('a.2'), (await readFile(path('a.2'))).subarray(0, 2000));
  const again = await diskStates(folder);
  expect(await again.shape('a/1')).toBeNull();
  expect(await again.shape('a/2')).toBeNull();
  expect(await again.shape('a/3')).toEqual({ rows: 100, width: 10 });
  expect(await readdir(folder)).toEqual(['a.3.f32']);
  expect(again.usage.storedBytes).toBe(4032);
});

it('takes a file of OPFS without a header for one that is not there', async () => {
  const directory = fakeOpfs();
  const first = await opfsStates(directory);
  await put(first, 'a/1', random(10), 1);
  await first.create('a/2', 2, 2);
  await first.write('a/2', 0, random(4));
  // The tab is gone, and its handles with it.
  for (const file of directory.files.values()) file.isOpen = false;
  const second = await opfsStates(directory);
  expect(await second.shape('a/2')).toBeNull();
  expect([...directory.files.keys()]).toEqual(['a.1.f32']);
});

it('tells of a full quota, and of another tab, and leaves nothing half-written', async () => {
  const directory = fakeOpfs(1000);
  const store = await opfsStates(directory);
  await put(store, 'a/1', random(100), 1);
  await store.create('a/2', 400, 1);
  await expect(store.write('a/2', 0, random(400))).rejects.toMatchObject({ code: 'disk-full' });
  expect([...directory.files.keys()]).toEqual(['a.1.f32']);
  expect(store.usage.storedBytes).toBe(432);
  directory.files.get('a.1.f32')!.isOpen = true;
  await expect(store.read('a/1')).rejects.toMatchObject({ code: 'run-conflict' });
});

// A file size limit fails writes as a full disk does, and needs no mount: EFBIG in place of ENOSPC.
it('tells of a full disk, and leaves nothing half-written', async () => {
  const folder = await newFolder();
  const script = `
    import { diskStates } from '${new URL('./disk-states.ts', import.meta.url).href}';
    process.on('SIGXFSZ', () => {});
    const store = await diskStates(${JSON.stringify(folder)});
    await store.create('a/1', 100, 1);
    await store.write('a/1', 0, new Float32Array(100));
    await store.seal('a/1');
    await store.create('a/2', 1000, 1000);
    const error = await store.write('a/2', 0, new Float32Array(1_000_000)).catch((thrown) => thrown);
    console.log(JSON.stringify({ code: error.code, used: store.usage.storedBytes }));
  `;
  const limited = `ulimit -f 1024; exec "$0" --import tsx --input-type=module --eval "$1"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', limited, process.execPath, script]);
  expect(JSON.parse(stdout)).toEqual({ code: 'disk-full', used: 432 });
  expect(await readdir(folder)).toEqual(['a.1.f32']);
}, 60_000);
