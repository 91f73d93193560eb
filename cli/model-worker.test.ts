import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Arguments } from './arguments.ts';
import { HEADERS_ONLY, withModel } from './model-worker.ts';

const MODEL = fileURLToPath(new URL('../public/models/shapes-mmdit', import.meta.url));
const TASKS = '/proc/self/task';

async function children(): Promise<string[]> {
  const lists = await Promise.all(
    (await readdir(TASKS)).map((task) => readFile(`${TASKS}/${task}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean));
}

it.skipIf(!existsSync(TASKS))(
  'waits for the end of its process, which may write until then',
  async () => {
    const before = await children();
    const started = async () => (await children()).filter((pid) => !before.includes(pid));
    const args = { model: MODEL, text: () => undefined } as unknown as Arguments;
    const { signal } = new AbortController();
    const found = await withModel(args, HEADERS_ONLY, signal, started);
    expect(found).toHaveLength(1);
    expect(await started()).toEqual([]);
  },
  120_000,
);
