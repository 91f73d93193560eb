import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tinyModel } from '../../testing/tiny-model.ts';
import { ServerModels } from '../models.ts';
import { addressOf, ask, closed, listening, MemoryBackend } from '../testing.ts';
import { accessPolicy } from './access.ts';
import { createApiServer } from './api-server.ts';
import { Calibrations, type UploadLimits } from './calibrations.ts';
import { fileRoutes } from './files.ts';

const tiny = await tinyModel();
let folder = '';
let models: ServerModels;
let server: Server | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-uploads-'));
  for (const [name, bytes] of Object.entries(tiny.files)) {
    await mkdir(join(folder, 'lab/tiny'), { recursive: true });
    await writeFile(join(folder, 'lab/tiny', name), bytes);
  }
  models = new ServerModels([{ name: 'lab', folder: join(folder, 'lab') }], join(folder, 'uploads'));
});
afterEach(async () => {
  if (server) await closed(server);
  await rm(folder, { recursive: true });
});

async function open(limits?: UploadLimits) {
  const backend = new MemoryBackend();
  const calibrations = new Calibrations(models, join(folder, 'uploads'), limits);
  const files = fileRoutes({ backend, calibrations });
  server = await listening(createApiServer({ backend, files, policy: accessPolicy({}), secret: 's' }));
  const opened = server;
  return async (body: Uint8Array, query = 'model=lab/tiny&name=night.safetensors', headers = {}) => {
    const reply = await ask(opened, `/files/calibrations?${query}`, {
      method: 'POST',
      headers: { 'x-contigua-secret': 's', ...headers },
      body,
    });
    return { status: reply.status, ...JSON.parse(reply.text) };
  };
}
const stored = async () => {
  const entries = await readdir(join(folder, 'uploads'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
};

it('keeps a calibration of the model, under a name that holds its checksum, and lists it', async () => {
  const send = await open();
  const { status, id } = await send(tiny.inputs);
  expect(status).toBe(201);
  expect(id).toMatch(/^uploads\/[0-9a-f]{16}\/night-[0-9a-f]{8}\.safetensors$/);
  expect((await models.read('lab/tiny')).calibrations).toEqual([id]);
  const { url } = await models.calibrationFile(id);
  expect(await readFile(new URL(url))).toEqual(Buffer.from(tiny.inputs));
  expect((await send(tiny.inputs)).id).toBe(id);
  expect(await stored()).toHaveLength(1);
});

it('refuses what is no calibration of this model, naming file and tensor, and keeps nothing of it', async () => {
  const send = await open();
  const cut = await send(tiny.inputs.slice(0, -10));
  expect(cut.error.data.contigua).toMatchObject({
    code: 'safetensors-invalid',
    details: { file: 'night.safetensors' },
  });
  const other = await send(tiny.files['diffusion_pytorch_model.safetensors']!);
  expect([other.status, other.error.data.contigua.code]).toEqual([400, 'calibration-invalid']);
  expect(other.error.data.contigua.details.tensor).toBe('hidden_states');
  expect((await send(new Uint8Array(0))).error.data.contigua.code).toBe('safetensors-invalid');
  expect(await stored()).toEqual([]);
});

it.each([
  'name=night.safetensors',
  'model=lab/tiny',
  'model=lab/tiny&name=night.exe',
  'model=lab/../tiny&name=x.safetensors',
  'model=../etc&name=x.safetensors',
])('refuses a request with %j', async (query) => {
  const send = await open();
  expect((await send(tiny.inputs, query)).error.data.contigua.code).toBe('calibration-invalid');
  expect((await send(tiny.inputs, 'model=other/tiny&name=x.safetensors')).error.data.contigua.code).toBe(
    'path-forbidden',
  );
  expect(await stored()).toEqual([]);
});

it.each(['../../evil.safetensors', '.hidden.safetensors', 'a b/ü.safetensors', `${'x'.repeat(300)}.safetensors`])(
  'makes a plain name of %j',
  async (name) => {
    const send = await open();
    const { id } = await send(tiny.inputs, `model=lab/tiny&name=${encodeURIComponent(name)}`);
    expect(id).toMatch(/^uploads\/[0-9a-f]{16}\/[A-Za-z0-9_-]{1,70}\.safetensors$/);
    expect(dirname(join(folder, id)).startsWith(join(folder, 'uploads'))).toBe(true);
    expect(await stored()).toHaveLength(1);
  },
);

it('takes no file above the limit, declared or not, and no more than the quota in all', async () => {
  const small = tiny.inputs.length;
  const send = await open({ fileBytes: small, totalBytes: 1.5 * small });
  const large = new Uint8Array(small + 1);
  const declared = await send(large);
  expect([declared.status, declared.error.data.contigua.code]).toEqual([413, 'too-large']);
  const streamed = await send(large, undefined, { 'transfer-encoding': 'chunked' });
  expect([streamed.status, streamed.error.data.contigua.code]).toEqual([413, 'too-large']);
  expect((await send(tiny.inputs)).status).toBe(201);
  const second = await send(tiny.inputs, 'model=lab/tiny&name=again.safetensors');
  expect([second.status, second.error.data.contigua.code]).toEqual([507, 'disk-full']);
  expect(await stored()).toHaveLength(1);
});

it('keeps nothing of an upload that broke off', async () => {
  await open();
  const { port } = new URL(addressOf(server!));
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /files/calibrations?model=lab/tiny&name=a.safetensors HTTP/1.1\r\nHost: localhost\r\nX-Contigua-Secret: s\r\nContent-Length: ${tiny.inputs.length}\r\n\r\n`,
  );
  socket.write(tiny.inputs.slice(0, 100));
  await expect.poll(async () => (await stored()).length).toBe(1);
  socket.destroy();
  await expect.poll(stored).toEqual([]);
});
