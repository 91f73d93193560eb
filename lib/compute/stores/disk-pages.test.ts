import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskPages } from './disk-pages.ts';

const PAGE = 10_000;
const page = (value: number) => new Uint8Array(PAGE).fill(value);
let folder = '';
let reports: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-pages-'));
  reports = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const open = (budgetBytes = 1e9) => openDiskPages(folder, budgetBytes, (sentence) => reports.push(sentence));

async function stored(): Promise<{ path: string; size: number }[]> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.page')).map((name) => join(folder, name));
  return await Promise.all(files.map(async (path) => ({ path, size: (await stat(path)).size })));
}
const sizeOf = async () => (await stored()).reduce((sum, { size }) => sum + size, 0);

describe('pages on disk', () => {
  it('come back as they were, by content, place and length, for the next process too', async () => {
    await (await open()).of('model one').write(PAGE, page(7));
    const pages = (await open()).of('model one');
    expect(await pages.read(PAGE, PAGE)).toEqual(page(7));
    expect(await pages.read(PAGE, PAGE - 1)).toBeNull();
    expect(await pages.read(0, PAGE)).toBeNull();
    expect(await (await open()).of('model two').read(PAGE, PAGE)).toBeNull();
  });

  it('keep to a budget, and the ones used last stay', async () => {
    const budget = 10.5 * PAGE;
    const pages = (await open(budget)).of('model');
    for (let i = 0; i < 8; i++) {
      await pages.write(i * PAGE, page(i));
      const path = (await stored()).find((one) => one.path.endsWith(`/${i * PAGE}-${PAGE}.page`))!.path;
      await utimes(path, 1_000 + i, 1_000 + i);
    }
    await pages.read(0, PAGE); // used again: it is the newest now
    for (let i = 8; i < 14; i++) {
      await pages.write(i * PAGE, page(i));
      expect(await sizeOf()).toBeLessThanOrEqual(budget);
    }
    expect(await pages.read(0, PAGE)).toEqual(page(0));
    expect(await pages.read(1 * PAGE, PAGE)).toBeNull();
    expect(await pages.read(13 * PAGE, PAGE)).toEqual(page(13));
  });

  it('keep to it where two write to one folder', async () => {
    const budget = 20.5 * PAGE;
    const [one, other] = [(await open(budget)).of('a'), (await open(budget)).of('b')];
    for (let i = 0; i < 40; i++) await Promise.all([one.write(i * PAGE, page(1)), other.write(i * PAGE, page(2))]);
    expect(await sizeOf()).toBeLessThanOrEqual(budget * 1.2);
    expect(await one.read(39 * PAGE, PAGE)).toEqual(page(1));
    expect(await other.read(39 * PAGE, PAGE)).toEqual(page(2));
    expect(reports).toEqual([]);
  });

  it.each([
    ['was cut short', (bytes: Buffer) => bytes.subarray(0, 100)],
    ['changed', (bytes: Buffer) => bytes.fill(1, 50, 60)],
    ['is empty', () => Buffer.alloc(0)],
  ])('are fetched anew where one %s', async (_, change) => {
    const pages = (await open()).of('model');
    await pages.write(0, page(7));
    const path = (await stored())[0]!.path;
    await writeFile(path, change(await readFile(path)));
    expect(await pages.read(0, PAGE)).toBeNull();
    expect(await stored()).toEqual([]);
  });

  it('leave other files in the folder alone', async () => {
    await mkdir(join(folder, 'mine'));
    await writeFile(join(folder, 'mine', 'thesis.page'), 'x'.repeat(50_000));
    await writeFile(join(folder, 'notes.page'), 'x'.repeat(50_000));
    const pages = (await open(2 * PAGE)).of('model');
    for (let i = 0; i < 5; i++) await pages.write(i * PAGE, page(i));
    expect((await readdir(folder)).filter((name) => !/^[0-9a-f]{32}$/.test(name)).sort()).toEqual([
      'mine',
      'notes.page',
    ]);
    expect(await readdir(join(folder, 'mine'))).toEqual(['thesis.page']);
  });

  it('are given up, and that is told once, where they cannot be written', async () => {
    const pages = (await open()).of('model');
    await pages.write(0, page(1));
    const [name] = await readdir(folder);
    await rm(join(folder, name!), { recursive: true });
    await writeFile(join(folder, name!), 'a file where the folder was');
    await pages.write(PAGE, page(1));
    await pages.write(2 * PAGE, page(1));
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatch(/^No more pages are stored in /);
    expect(await pages.read(PAGE, PAGE)).toBeNull();
  });

  it('need a folder that can be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openDiskPages(join(folder, 'file', 'in'), 1e6, () => {})).rejects.toMatchObject({
      code: 'settings-invalid',
    });
  });
});
