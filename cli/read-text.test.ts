import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readText } from './read-text.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-read-text-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('reads text up to its limit, of several reads and without a byte order mark', async () => {
  const text = 'ä'.repeat(2 ** 20);
  await writeFile(join(folder, 'text'), `\ufeff${text}`);
  expect(await readText(join(folder, 'text'), 2 ** 21 + 3)).toBe(text);
});

it('refuses a file beyond its limit without reading it whole', async () => {
  await writeFile(join(folder, 'huge'), '');
  await truncate(join(folder, 'huge'), 2.5e9);
  await expect(readText(join(folder, 'huge'), 2 ** 20)).rejects.toThrow(
    /huge: The file is too large; found more than 1,048,576 bytes; expected at most 1,048,576 bytes/,
  );
});

it('names a file that cannot be read', async () => {
  await expect(readText(join(folder, 'none'), 10)).rejects.toMatchObject({ code: 'inputs-invalid' });
});
