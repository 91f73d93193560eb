import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import { type BlobLike, openFile, writeSafetensors } from '../../core/checkpoint/index.ts';
import { DEFAULT_DETECTION } from '../../core/detection/index.ts';
import { editKey, ffnEdit, modulationEdit, runEdit } from '../../core/edit/index.ts';
import { TRAINED_METADATA } from '../../core/export/index.ts';
import { openModel } from '../../core/folder/open-model.ts';
import { buildPlan, parsePlan, parseRunPlan } from '../../core/plan/index.ts';
import type { JobView } from '../../core/run/index.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { flipBit } from '../artifacts/damage-testing.ts';
import { LocalArtifacts } from '../artifacts/local.ts';
import type { TrainedWeights } from '../backend.ts';
import { ask, closed, exampleView, listening, MemoryBackend, type Question } from '../testing.ts';
import { accessPolicy } from './access.ts';
import { createApiServer } from './api-server.ts';
import { fileRoutes } from './files.ts';

const INTERVAL = { first: 0, last: 1 };
const MODEL_ZIP = '/files/runs/7/model.zip';
const STUDENT = '/files/runs/7/students/0-1.safetensors';
const tiny = await tinyModel();
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
let folder = '';
let backend: MemoryBackend;
let server: Server;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-downloads-'));
  for (const [name, bytes] of Object.entries(tiny.files)) {
    const path = join(folder, 'transformer', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  backend = new MemoryBackend();
  backend.teacher = `${pathToFileURL(folder).href}/`;
  const { summary } = await openModel({ files: await nodeFiles.openFolder(backend.teacher), name: 'tiny' });
  const { numBlocks, parameters, fingerprint } = summary;
  const model = summary;
  backend.view = exampleView({
    name: 'Nacht / 1',
    model: { ...exampleView().model, name: 'tiny', fingerprint, numBlocks, parameters },
    plan: buildPlan({
      model,
      report: null,
      edits: [runEdit(INTERVAL, 'student')],
      detection: DEFAULT_DETECTION,
    }),
    jobs: [job('done')],
  });
  const bytes = await studentBytes(fingerprint);
  backend.trained.set('0-1', weightsOf(new Blob([bytes]), sha256Of(bytes)));
  server = await listening(host());
});
afterEach(async () => {
  await closed(server);
  await rm(folder, { recursive: true });
});

const host = () =>
  createApiServer({
    backend,
    files: fileRoutes({ backend, calibrations: null }),
    policy: accessPolicy({}),
    secret: 's',
  });
const get = (path: string, { headers, ...question }: Question = {}) =>
  ask(server, path, { ...question, headers: { 'x-contigua-secret': 's', ...headers } });

function weightsOf(blob: BlobLike, sha256: string): TrainedWeights {
  return {
    blob,
    sha256,
    async *parts() {
      for (let at = 0; at < blob.size; at += 2 ** 20) {
        yield new Uint8Array(await blob.slice(at, Math.min(at + 2 ** 20, blob.size)).arrayBuffer());
      }
    },
  };
}

function job(state: JobView['state']): JobView {
  return {
    key: '0-1',
    kind: 'student',
    edit: runEdit(INTERVAL, 'student'),
    state,
    attempt: 1,
    step: 10,
    checkpointStep: 10,
    steps: 10,
    worker: null,
    stepsPerSecond: null,
    baselines: null,
    startBlock: 0,
    heldOut: [],
    error: null,
    note: null,
    studentBytes: null,
  };
}

/** The teacher's first block, as if it had been trained. */
async function studentBytes(fingerprint: string): Promise<Uint8Array<ArrayBuffer>> {
  const weights = tiny.files['diffusion_pytorch_model.safetensors']!;
  const teacher = await openFile({ path: 'weights', blob: new Blob([weights]) });
  const prefix = 'transformer_blocks.0.';
  const tensors = [];
  for (const { name, shape } of teacher.tensors.values()) {
    if (!name.startsWith(prefix)) continue;
    tensors.push({
      name: name.slice(prefix.length),
      shape,
      dtype: 'F32' as const,
      bytes: await teacher.readBytes(name),
    });
  }
  const { kind, interval, teacher: of, family } = TRAINED_METADATA;
  const metadata = { [kind]: 'student', [interval]: '0-1', [of]: fingerprint, [family]: 'qwen-image' };
  return new Uint8Array(writeSafetensors(tensors, metadata));
}

describe('a download', () => {
  it.each([MODEL_ZIP, STUDENT])(
    'of %s goes on after a cut, with a host that was started anew, to the same bytes',
    async (path) => {
      const whole = await get(path);
      expect(whole.status).toBe(200);
      expect(Number(whole.headers['content-length'])).toBe(whole.bytes.length);
      const etag = String(whole.headers.etag);

      const cut = await get(path, { leaveAfter: 1000 });
      expect(cut.cut).toBe(true);
      await closed(server);
      server = await listening(host());
      const had = cut.bytes.subarray(0, 1000);
      const rest = await get(path, { headers: { range: `bytes=${had.length}-`, 'if-range': etag } });
      expect(rest.status).toBe(206);
      expect(rest.headers['content-range']).toBe(`bytes 1000-${whole.bytes.length - 1}/${whole.bytes.length}`);
      expect(sha256Of(Buffer.concat([had, rest.bytes]))).toBe(sha256Of(whole.bytes));
    },
  );

  it('of a student is its file, byte for byte', async () => {
    const { bytes, headers } = await get(STUDENT);
    expect(sha256Of(bytes)).toBe(backend.trained.get('0-1')?.sha256);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: `"${sha256Of(bytes)}"`,
    });
  });

  it('of a model is a folder under the run’s name, with the student’s weights in it', async () => {
    const { bytes, headers } = await get(MODEL_ZIP);
    expect(headers['content-type']).toBe('application/zip');
    expect(headers['content-disposition']).toContain('filename="Nacht - 1.zip"');
    const text = bytes.toString('latin1');
    for (const path of ['README.md', 'plan.json', 'metrics.json', 'transformer/config.json']) {
      expect(text).toContain(`Nacht - 1/${path}`);
    }
    expect(text).toContain('"num_layers": 1');
    const none = await get(`${MODEL_ZIP}?plugged=`);
    expect(none.bytes.toString('latin1')).toContain('"num_layers": 2');
    expect(none.headers.etag).not.toBe(headers.etag);
  });

  it.each<[string, string, number, number, number]>([
    ['the first bytes', 'bytes=0-9', 206, 0, 10],
    ['the last bytes', 'bytes=-5', 206, -5, Number.POSITIVE_INFINITY],
    ['to the end', 'bytes=20-', 206, 20, Number.POSITIVE_INFINITY],
    ['beyond the end', 'bytes=20-99999999', 206, 20, Number.POSITIVE_INFINITY],
    ['several ranges, which are answered with the whole', 'bytes=0-1,4-5', 200, 0, Number.POSITIVE_INFINITY],
    ['another unit', 'lines=0-1', 200, 0, Number.POSITIVE_INFINITY],
    ['backwards', 'bytes=9-3', 200, 0, Number.POSITIVE_INFINITY],
  ])('may be of a range: %s', async (_, range, status, start, end) => {
    const whole = await get(STUDENT);
    const reply = await get(STUDENT, { headers: { range } });
    expect(reply.status).toBe(status);
    expect(sha256Of(reply.bytes)).toBe(sha256Of(whole.bytes.subarray(start, end)));
  });

  it('starts anew where the bytes are other ones by now, or the range lies outside', async () => {
    const whole = await get(STUDENT);
    const stale = await get(STUDENT, { headers: { range: 'bytes=10-19', 'if-range': '"another"' } });
    expect([stale.status, stale.bytes.length]).toEqual([200, whole.bytes.length]);
    for (const range of [`bytes=${whole.bytes.length}-`, 'bytes=-0']) {
      const outside = await get(STUDENT, { headers: { range } });
      expect([outside.status, outside.headers['content-range']]).toEqual([416, `bytes */${whole.bytes.length}`]);
    }
    const known = await get(STUDENT, { headers: { 'if-none-match': String(whole.headers.etag) } });
    expect([known.status, known.bytes.length]).toEqual([304, 0]);
  });

  it('has another ETag when a measurement changed what the folder says', async () => {
    const before = await get(MODEL_ZIP, { method: 'HEAD' });
    const measured = {
      plugged: ['0-1'],
      fineTuned: false,
      parameters: 1,
      blocks: 1,
      facts: null,
      outputError: 0.1,
      wholeMs: 2,
      subsetMs: 1,
      pictures: [],
    };
    backend.view = { ...backend.view, subsets: [measured], lastEventId: 1 };
    const after = await get(MODEL_ZIP, { method: 'HEAD' });
    expect(after.headers.etag).not.toBe(before.headers.etag);
  });

  it('is told by HEAD without a byte of it', async () => {
    const whole = await get(MODEL_ZIP);
    const head = await get(MODEL_ZIP, { method: 'HEAD' });
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    for (const name of ['content-length', 'etag', 'accept-ranges']) {
      expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    }
  });

  it('breaks off, and does not end, where its source fails half way', async () => {
    const size = 8 * 2 ** 20;
    const failing = {
      size,
      slice: (start = 0, end = size) => ({ ...failing, size: end - start, arrayBuffer: () => piece(start, end) }),
      arrayBuffer: () => piece(0, size),
    };
    const piece = async (start: number, end: number) => {
      if (start > 4_000_000) throw new Error('the bucket is gone');
      return new ArrayBuffer(end - start);
    };
    backend.trained.set('0-1', weightsOf(failing, 'x'));
    const reply = await get(STUDENT);
    expect([reply.status, reply.cut]).toEqual([200, true]);
    expect(reply.bytes.length).toBeLessThan(size);
  });

  it('of a large student with a flipped bit begins and breaks off, and its ranges are refused without an ETag', async () => {
    const bytes = new Uint8Array(9 * 2 ** 20).map((_, i) => (i * 31) >>> 5);
    const promised = { sizeBytes: bytes.length, sha256: sha256Of(bytes) };
    const path = join(folder, 'student');
    await writeFile(path, bytes);
    const store = new LocalArtifacts(join(folder, 'store'));
    const stored = await store.put('student', path, promised);
    await flipBit(join(folder, 'store', 'student'), -1);
    backend.trained.set('0-1', { ...(await store.open(stored)), sha256: promised.sha256 });
    for (const range of [undefined, 'bytes=0-']) {
      const whole = await get(STUDENT, range === undefined ? {} : { headers: { range } });
      expect([whole.status, whole.cut]).toEqual([range === undefined ? 200 : 206, true]);
      expect(whole.bytes.length).toBeLessThan(bytes.length);
    }
    for (const range of ['bytes=0-9', 'bytes=8388608-', 'bytes=-5']) {
      const part = await get(STUDENT, { headers: { range } });
      expect([part.status, part.cut, part.headers.etag]).toEqual([500, false, undefined]);
      expect(JSON.parse(part.text).error.data.contigua.code).toBe('artifact-corrupt');
    }
    await flipBit(join(folder, 'store', 'student'), -1);
    const sound = await get(STUDENT);
    expect([sound.status, sha256Of(sound.bytes)]).toEqual([200, promised.sha256]);
  });

  it('of metrics, plan and curve is text that other programs read', async () => {
    expect(JSON.parse((await get('/files/runs/7/metrics.json')).text)).toMatchObject({ run: { id: '7' } });
    const { text } = await get('/files/runs/7/plan.json');
    expect(parseRunPlan(text, 'plan.json')).toEqual(backend.view.plan);
    expect(JSON.parse(text)).toMatchObject({ version: 3, edits: [{ ...INTERVAL, by: 'student' }] });
    const point = { step: 1, losses: { image: 0.5 }, gradientNorm: 2, learningRate: 1e-3, durationMs: 4 };
    backend.curves.set('0-1', [point, { ...point, step: 2, losses: { text: 0.25, image: 0.5 } }]);
    const csv = await get('/files/runs/7/curves/0-1.csv');
    expect(csv.text).toBe(
      'step,image_loss,text_loss,gradient_norm,learning_rate,duration_ms\n1,0.5,,2,0.001,4\n2,0.5,0.25,2,0.001,4\n',
    );
  });

  it('of a plan holds what makes blocks narrower, with the error of the trained fit', async () => {
    const whole = parseRunPlan((await get('/files/runs/7/plan.json')).text, 'plan.json');
    const ffn = ffnEdit(0, 'image');
    const shared = modulationEdit({ rank: 2 });
    const { edit: _, ...trained } = job('done');
    backend.view = {
      ...backend.view,
      narrow: [
        { ...shared, fitError: 0.5, outputError: 0.4 },
        { ...ffn, fitError: null, outputError: 0.1 },
      ],
      jobs: [
        job('done'),
        { ...trained, edit: null, key: 'f0-image', kind: 'maps', narrow: [ffn], kept: 'trained', fitError: 0.25 },
      ],
    };
    const plan = parsePlan((await get('/files/runs/7/plan.json')).text, 'plan.json');
    expect(
      plan.edits.map((edit) => [editKey(edit), 'fitError' in edit ? edit.fitError : null, edit.outputError]),
    ).toEqual([
      ['0-1 student', null, null],
      ['0 image ffn', 0.25, null],
      ['modulation rank 2', 0.5, null],
    ]);
    expect(plan.parameters.after).toBeLessThan(whole.parameters.after);
    expect(plan.blocks).toEqual(whole.blocks);
    // What they are part of cannot be told without the teacher's config.
    await rm(join(folder, 'transformer'), { recursive: true });
    expect((await get('/files/runs/7/plan.json')).status).toBeGreaterThanOrEqual(400);
  });

  it('of a curve has a column for each stream of the model, and an empty cell where the stream took no part', async () => {
    const streams = ['video', 'image', 'audio'].map((id) => ({ id, label: id }));
    const { plan } = backend.view;
    backend.view = { ...backend.view, plan: { ...plan, model: { ...plan.model, streams } } };
    backend.curves.set('0-1', [
      { step: 1, losses: { audio: 3, video: 0 }, gradientNorm: 2, learningRate: 1e-3, durationMs: 4 },
    ]);
    expect((await get('/files/runs/7/curves/0-1.csv')).text).toBe(
      'step,video_loss,image_loss,audio_loss,gradient_norm,learning_rate,duration_ms\n1,0,,3,2,0.001,4\n',
    );
  });

  it('of a model says in its plan that students are in it', async () => {
    const { bytes } = await get(MODEL_ZIP);
    const text = bytes.toString('latin1');
    const plan = /\{\s+"\$schema": "urn:contigua:plan:v3"[\s\S]*?\n\}\n/.exec(text)?.[0] ?? '';
    expect(parseRunPlan(plan, 'plan.json').edits.map(({ first, last, by }) => [first, last, by])).toEqual([
      [0, 1, 'student'],
    ]);
  });

  it.each([
    '/files/runs/../../etc/passwd',
    '/files/runs/7/students/..%2F..%2Fetc%2Fpasswd',
    '/files/runs/7/students/%2e%2e/secret.safetensors',
    '/files/runs/7/students/0-1.safetensors/..',
    '/files/runs/7/students/0-1',
    '/files/runs/..%2F7/plan.json',
    '/files/runs/7/other.zip',
    '/files/',
  ])('of %s is not to be had', async (path) => {
    const reply = await get(path);
    expect([reply.status, JSON.parse(reply.text).error.data.contigua.code]).toEqual([404, 'artifact-missing']);
    expect(backend.calls).toEqual([]);
  });

  it('of what is not there says what is missing', async () => {
    const codeOf = async (path: string) => JSON.parse((await get(path)).text).error.data.contigua.code;
    expect(await codeOf('/files/runs/8/model.zip')).toBe('run-missing');
    expect(await codeOf('/files/runs/7/students/2-3.safetensors')).toBe('run-conflict');
    expect(await codeOf(`${MODEL_ZIP}?plugged=2-3`)).toBe('run-missing');
    expect(await codeOf(`${MODEL_ZIP}?plugged=../x`)).toBe('run-missing');
  });
});
