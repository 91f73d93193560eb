/** An analysis in the terminal whose model lies on a server that drops connections. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { seededRandom } from '../lib/core/random.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { type SourceServer, servedBytes, startSourceServer } from '../lib/testing/source-server.ts';
import { spawnContigua } from './contigua-fixtures.ts';

const MODEL = fileURLToPath(new URL('../public/models/shapes-mmdit', import.meta.url));
const SETTINGS = ['--engine', 'wasm', '--samples', '8', '--timesteps', '4', '--damage-intervals', '1'];

let folder = '';
let server: SourceServer;
let whole: unknown;
let requests = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-drops-'));
  const entries = await readdir(MODEL, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map(async (path) => [path.slice(MODEL.length + 1), servedBytes(await readFile(path))] as const);
  server = await startSourceServer(new Map(await Promise.all(files)));
  expect((await analyse('whole.json')).code).toBe(0);
  whole = await figures('whole.json');
  requests = server.asked.length;
}, 300_000);
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  server.fault = () => undefined;
  server.asked.length = 0;
});

const analyse = (out: string, ...more: string[]) =>
  spawnContigua(['analyse', `${server.url}/`, ...SETTINGS, ...more, '--out', out], folder);

async function figures(name: string): Promise<unknown> {
  const { blockMs, stagesMs, ...rest } = parseReport(await readFile(join(folder, name), 'utf8'), name);
  expect(blockMs).toHaveLength(rest.model.numBlocks);
  return rest;
}

it('gives the same report although connections drop here and there on the way', async () => {
  const random = seededRandom(4);
  let dropped = 0;
  server.fault = () => {
    if (random.uniform() > 0.15) return undefined;
    dropped++;
    return { dropAfter: random.integer(3) === 0 ? -1 : random.integer(100_000) };
  };
  expect((await analyse('dropped.json')).code).toBe(0);
  expect(dropped).toBeGreaterThan(5);
  expect(await figures('dropped.json')).toEqual(whole);
}, 300_000);

it.each([0.3, 0.8])(
  'names the file that it cannot read any more after %f of the requests, and goes on from there to the same report',
  async (share) => {
    const states = `states-${share}`;
    const out = `after-${share}.json`;
    server.fault = ({ index }) => (index >= share * requests ? { dropAfter: -1 } : undefined);
    const cut = await analyse(out, '--states', states);
    expect(cut.code).toBe(1);
    expect(cut.stderr).toMatch(/\.safetensors: .*after 6 attempts in a row/s);
    expect(existsSync(join(folder, out))).toBe(false);

    server.fault = () => undefined;
    expect((await analyse(out, '--states', states)).code).toBe(0);
    expect(await figures(out)).toEqual(whole);
  },
  300_000,
);
