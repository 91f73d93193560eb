/** A whole model read over connections that drop at any point of the way: headers, listings, redirects, weights. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openModel } from '../../core/folder/open-model.ts';
import { type SeededRandom, seededRandom } from '../../core/random.ts';
import { hexOf, sha256 } from '../../core/sha256.ts';
import { type Fault, REPO, type SourceServer, servedBytes, startSourceServer } from '../../testing/source-server.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { nodeSources } from './node-sources.ts';
import { DEFAULT_RETRY } from './retry.ts';

const retry = { ...DEFAULT_RETRY, firstDelayMs: 1, maxDelayMs: 4 };
const tiny = await tinyModel();
const files = new Map(Object.entries(tiny.files).map(([path, bytes]) => [`transformer/${path}`, servedBytes(bytes)]));

let server: SourceServer;
let cache = '';
beforeEach(async () => {
  server = await startSourceServer(files);
  cache = await mkdtemp(join(tmpdir(), 'contigua-interrupted-'));
});
afterEach(async () => {
  await server.close();
  await rm(cache, { recursive: true });
});

/** Digests of all that is read of a model: its fingerprint and every weight, one after the other. */
async function readAll(address: string, environment: Record<string, string> = {}): Promise<readonly string[]> {
  const host = nodeSources({ HF_ENDPOINT: server.hubUrl, ...environment }, { retry });
  const { summary, checkpoint } = await openModel({ files: await host.openFolder(address), name: 'm' });
  const digests = [summary.fingerprint];
  for (const name of checkpoint.tensors.keys())
    digests.push(hexOf(await sha256(new Uint8Array(await checkpoint.readBytes(name)))));
  return digests;
}

/** Before the head, after it, somewhere, or just before the end; how long an answer is nobody knows before. */
function anywhere(random: SeededRandom): Fault {
  const kind = random.integer(4);
  if (kind === 0) return { dropAfter: -1 };
  if (kind === 1) return { dropAfter: 0 };
  return { dropAfter: kind === 2 ? 1 + random.integer(200) : random.integer(200_000) };
}

describe.each([
  ['a folder of a server', () => `${server.url}/`],
  ['a repository of the hub', () => `hf:${REPO}`],
])('%s', (_, addressOf) => {
  it('is read to the last byte although connections drop here and there, several times in a row', async () => {
    const expected = await readAll(addressOf());
    const steps = server.asked.length;
    const bytes = server.sentBytes;
    expect(steps).toBeGreaterThan(3);
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed);
      let dropped = 0;
      const inARow = new Map<string, number>();
      const before = server.sentBytes;
      server.fault = ({ path }) => {
        // Of one file, wherever it redirects to: requests of several are under way at once.
        const file = path.split('/').at(-1) ?? '';
        const already = inARow.get(file) ?? 0;
        // Patience ends after six.
        const drops = already < 5 && random.uniform() < 0.5;
        inARow.set(file, drops ? already + 1 : 0);
        if (!drops) return undefined;
        dropped++;
        return anywhere(random);
      };
      expect(await readAll(addressOf()), `seed ${seed}`).toEqual(expected);
      // What had come is not asked for again, but for answers that are no ranges of a file.
      expect(server.sentBytes - before).toBeLessThan(2 * bytes + dropped * 2_000);
    }
  });

  it('that drops for good from any request on is an error that names what could not be read, and nothing half read is kept', async () => {
    const environment = () => ({ CONTIGUA_CACHE_DIR: cache, CONTIGUA_CACHE_GB: '1' });
    const expected = await readAll(addressOf());
    const steps = server.asked.length;
    for (let step = 0; step < steps; step++) {
      const random = seededRandom(step);
      const first = server.asked.length;
      await rm(cache, { recursive: true });
      server.fault = ({ index }) =>
        index >= first + step ? { dropAfter: Math.min(anywhere(random).dropAfter ?? 0, 30) } : undefined;
      const reading = readAll(addressOf(), environment());
      await expect(reading, `from ${step} on`).rejects.toMatchObject({ code: 'source-unreachable' });
      await expect(reading).rejects.toThrow(
        /(config\.json|diffusion_pytorch_model\S*|lab\/model|model_index\.json)\S*: /,
      );
      // What was kept before is whole: with it, and the rest from a server that is well again, the model is the same.
      server.fault = () => undefined;
      expect(await readAll(addressOf(), environment())).toEqual(expected);
      const kept = await readdir(cache, { recursive: true });
      expect(kept.filter((name) => /\.(part|tmp)$/.test(name))).toEqual([]);
    }
  });
});
