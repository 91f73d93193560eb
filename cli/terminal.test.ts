/** What a terminal would obey stays text: names of models and of runs that an earlier version let in. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEmbedded } from '../lib/server/database/embedded.ts';
import { copyFreshDatabase } from '../lib/server/database/testing.ts';
import { exampleRequest } from '../lib/server/testing.ts';
import { tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside, spawnContigua } from './contigua-fixtures.ts';

/** Clears the screen, sets the title, forges a line, reverses the order. */
const EVIL = 'n\u001b[2J\u001b]0;owned\u0007\r\nforged  done\u009b2K\u202e';
/** A line feed ends a line, and nothing else may move a terminal. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-terminal-'));
  await copyFreshDatabase(join(folder, 'data'));
  const db = await openEmbedded(join(folder, 'data'));
  const { plan, settings } = exampleRequest();
  const model = { name: EVIL, fingerprint: 'f', numBlocks: 6, parameters: 1, drawable: false };
  const each = new Array(6).fill(1);
  const costs = { blockParameters: each, flopsPerForward: 1, flopsPerBlock: each };
  await db.change(
    `insert into contigua.runs (id, name, model_id, model, plan, settings, state)
     values ('7', $1, 'm', $2::text::jsonb, $3::text::jsonb, $4::text::jsonb, 'failed')`,
    [EVIL, JSON.stringify({ ...model, costs }), JSON.stringify(plan), JSON.stringify(settings)],
  );
  await db.change(
    `insert into contigua.jobs (run_id, key, kind, first_block, last_block, state, steps, error, note)
     values ('7', '1-3', 'student', 1, 3, 'failed', 10, $1, $1)`,
    [EVIL],
  );
  await db.close();
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const contigua = (...argv: string[]) => contiguaInside(argv, folder);

it('lists runs in a line each, whatever their names', async () => {
  const { stdout } = await spawnContigua(['runs', '--data-folder', 'data'], folder);
  expect(stdout).not.toMatch(OBEYED);
  expect(stdout.split('\n')).toHaveLength(2);
  expect(stdout).toContain('n\\x1b[2J\\x1b]0;owned\\x07\\r\\nforged  done\\x9b2K\\u{202e}\n');
});

it('shows a run, its model and its errors', async () => {
  const { stdout } = await contigua('runs', '7', '--data-folder', 'data');
  expect(stdout).not.toMatch(OBEYED);
  expect(stdout).not.toMatch(/^forged/m);
  expect(stdout.match(/\\x1b\[2J/g)).toHaveLength(4);
});

it('gives JSON that means the same', async () => {
  const { stdout } = await contigua('runs', '7', '--json', '--data-folder', 'data');
  expect(stdout).not.toMatch(OBEYED);
  expect(JSON.parse(stdout)).toMatchObject({ name: EVIL, model: { name: EVIL } });
});

it('names folders and arguments in what it tells and refuses', async () => {
  const name = 'ti\u001b[2Jny\u202e';
  await mkdir(join(folder, name, 'transformer'), { recursive: true });
  for (const [path, bytes] of Object.entries((await tinyModel()).files)) {
    await writeFile(join(folder, name, 'transformer', path), bytes);
  }
  const shown = await contigua('inspect', name);
  expect([shown.code, shown.stdout.split('\n')[0]]).toEqual([0, 'ti\\x1b[2Jny\\u{202e}']);
  expect(shown.stdout).not.toMatch(OBEYED);
  for (const refused of [
    await contigua('inspect', `${name}x`),
    await contigua(`in${name}`),
    await contigua('runs', name),
  ]) {
    expect(refused.code).toBeGreaterThan(0);
    expect(refused.stderr).toContain('\\x1b[2Jny\\u{202e}');
    expect(refused.stderr).not.toMatch(OBEYED);
  }
});
