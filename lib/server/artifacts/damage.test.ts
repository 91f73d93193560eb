/** A run with a real student and a real fine-tune, then one bit flipped in the store: every way that weights go out or are used. */
import { readdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportRun } from '../../../cli/export-run.ts';
import { startComputeProcess } from '../../compute/node-process.ts';
import { DEFAULT_EXPORTER } from '../../core/export/index.ts';
import type { RunView } from '../../core/run/index.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import type { Backend } from '../backend.ts';
import { createBackend } from '../create-backend.ts';
import { accessPolicy } from '../http/access.ts';
import { createApiServer } from '../http/api-server.ts';
import { fileRoutes } from '../http/files.ts';
import { makeSetting, type Setting, until } from '../proof/setting.ts';
import { addressOf, ask, closed, listening } from '../testing.ts';
import { flipBit, flipObjectBit } from './damage-testing.ts';
import { ACCESS_KEY, FakeS3 } from './testing.ts';

const LONG = 300_000;
const STEPS = { steps: 2, batch: 2, heldOutSamples: 2, heldOutEvery: 2, checkpointEvery: 2 } as const;
const isOver = ({ state }: RunView) => state === 'done' || state === 'failed';

describe.each(['local', 's3'])('a damaged file in the %s store', { timeout: LONG }, (kind) => {
  let setting: Setting;
  let fake: FakeS3;
  let backend: Backend;
  let server: Server;
  let id = '';

  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', ACCESS_KEY);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    fake = new FakeS3();
    const endpoint = addressOf(await listening(fake.server));
    setting = await makeSetting({}, {}, [{ first: 0, last: 1 }], (await tinyModel()).files);
    const s3 = kind === 's3' ? { bucket: 'lab', endpoint, prefix: '', region: 'eu-west-1' } : null;
    backend = await createBackend({ ...setting.env, s3 }, { ...setting.options, startCompute: startComputeProcess });
    server = await listening(
      createApiServer({
        backend,
        files: fileRoutes({ backend, calibrations: null }),
        policy: accessPolicy({}),
        secret: 's',
      }),
    );
    const request = setting.request(STEPS, { engine: 'wasm', data: { kind: 'synthetic' } });
    const fineTune = { ...request.settings.distil, ...STEPS, train: 'all' } as const;
    id = await backend.createRun({ ...request, settings: { ...request.settings, fineTune } });
    const { jobs } = await until(backend, id, isOver);
    expect(jobs.map(({ error }) => error)).toEqual([null, null]);
  }, LONG);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await closed(server);
    await backend.close();
    await closed(fake.server);
    await setting.remove();
  });

  let restore = async () => {};
  afterEach(() => restore());
  /** In the middle of the weights, with the header whole, or in the very last byte. */
  async function damage(key: string, position: number): Promise<void> {
    const flip = await flipperOf(key);
    await flip(position);
    restore = () => flip(position);
  }
  async function flipperOf(key: string): Promise<(position: number) => Promise<void>> {
    const prefix = `runs/${id}/${key}/`;
    if (kind === 's3') {
      const name = [...fake.objects.keys()].find((one) => one.startsWith(`lab/${prefix}`));
      // What this machine's disk holds is a copy of its own.
      return async (position) => {
        flipObjectBit(fake, name ?? '', position);
        const copy = join(setting.env.dataFolder, 'cache', 'artifacts', (name ?? '').slice('lab/'.length));
        await flipBit(copy, position).catch(() => undefined);
      };
    }
    const folder = join(setting.env.dataFolder, 'artifacts', prefix);
    const name = (await readdir(folder, { recursive: true })).find((one) => one.endsWith('.safetensors'));
    return (position) => flipBit(join(folder, name ?? ''), position);
  }
  const get = (path: string, headers: Record<string, string> = {}) =>
    ask(server, `/files/runs/${id}/${path}`, { headers: { 'x-contigua-secret': 's', ...headers } });
  const errorOf = async (key: string) => (await backend.viewRun(id)).jobs.find((job) => job.key === key)?.error;

  describe.each([
    ['the student', '0-1', '', 2000],
    ['the student', '0-1', '', -1],
    ['the fine-tune', 'fine-tune', '?fineTuned=1', 2000],
    ['the fine-tune', 'fine-tune', '?fineTuned=1', -1],
  ])('%s (%s%s, byte %i)', (_, key, query, position) => {
    const ways: Readonly<Record<string, string>> =
      key === '0-1'
        ? { student: 'students/0-1.safetensors', model: `model.zip${query}` }
        : { model: `model.zip${query}` };

    it.each(Object.entries(ways))('is not sent, whole or in part: %s', async (_name, path) => {
      const sound = await get(path);
      expect(sound.status).toBe(200);
      await damage(key, position);
      const etag = String(sound.headers.etag);
      const middle = `bytes=${sound.bytes.length >> 1}-`;
      const asked: Record<string, string>[] = [
        {},
        { range: 'bytes=0-' },
        { range: middle },
        { range: middle, 'if-range': etag },
      ];
      for (const headers of asked) {
        const reply = await get(path, headers);
        // Either an error, or an answer that breaks off: never a whole one.
        if (reply.cut) continue;
        expect(JSON.parse(reply.text).error.data.contigua.code).toBe('artifact-corrupt');
        expect([reply.status, reply.headers.etag]).toEqual([500, undefined]);
      }
    });

    it('is not exported by the terminal, and nothing of an export is left', async () => {
      await damage(key, position);
      const out = join(setting.folder, 'exported');
      const plugged = [{ first: 0, last: 1 }];
      const fineTuned = key === 'fine-tune';
      const choice = { plugged, fineTuned, dtype: 'teacher', exporter: DEFAULT_EXPORTER } as const;
      const exporting = exportRun(backend, await backend.viewRun(id), choice, out, {
        signal: new AbortController().signal,
        onProgress: () => {},
      });
      await expect(exporting).rejects.toMatchObject({ code: 'artifact-corrupt' });
      expect((await readdir(setting.folder)).filter((name) => name.startsWith('exported'))).toEqual([]);
    });

    it('is not plugged in and measured; the measurement says why', async () => {
      await damage(key, position);
      const { lastEventId } = await backend.viewRun(id);
      await backend.trySubset(id, ['0-1'], key === 'fine-tune');
      let told: string | undefined;
      for await (const { event } of backend.follow(id, lastEventId, AbortSignal.timeout(LONG))) {
        if (event.type === 'measuring' && event.error !== undefined) told = event.error;
        if (event.type === 'subset') told = 'measured';
        if (told) break;
      }
      expect(told).toContain('The content is not what was stored');
    });

    it('is named at its job, with a retry, until the file is as it was', async () => {
      await damage(key, position);
      const before = setting.sentences.length;
      const read = async () => await (await backend.openTrained(id, key)).blob.arrayBuffer();
      await expect(read()).rejects.toMatchObject({ code: 'artifact-corrupt' });
      expect(await errorOf(key)).toMatch(/^The trained file of .+ is damaged: .+retry the job/);
      expect((await backend.viewRun(id)).state).toBe('done');
      await expect(read()).rejects.toMatchObject({ code: 'artifact-corrupt' });
      await restore();
      restore = async () => {};
      expect((await read()).byteLength).toBeGreaterThan(1000);
      expect(await errorOf(key)).toBeNull();
      expect(setting.sentences.slice(before).filter((line) => line.includes('is damaged')).length).toBeLessThan(2);
    });
  });

  it('is trained again by a retry; a fine-tune of a damaged student fails and says whose file it is', async () => {
    await damage('0-1', 2000);
    await backend.retryJob(id, 'fine-tune', true);
    const failed = await until(backend, id, isOver);
    expect(failed.jobs.find(({ key }) => key === 'fine-tune')).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('The content is not what was stored'),
    });
    expect(await errorOf('0-1')).toContain('is damaged');
    restore = async () => {};
    await backend.retryJob(id, '0-1', true);
    const { jobs } = await until(
      backend,
      id,
      (view) => isOver(view) && view.jobs.every(({ state }) => state === 'done'),
    );
    expect(jobs.map(({ error }) => error)).toEqual([null, null]);
    expect((await get('students/0-1.safetensors')).status).toBe(200);
  });
});
