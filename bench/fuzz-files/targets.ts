/**
 * What is read, by kind: each makes a damaged input from a seed and reads it as the product does, through the same
 * functions as page, terminal and server. `files` are kept when something goes wrong.
 */
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { httpFiles } from '../../lib/compute/folder/http-files.ts';
import { nodeFiles } from '../../lib/compute/folder/node-files.ts';
import { DEFAULT_RETRY } from '../../lib/compute/folder/retry.ts';
import { openStateCache } from '../../lib/compute/stores/disk-state-cache.ts';
import { checkCalibration, fileCalibration, readForwardInputs } from '../../lib/core/capture/index.ts';
import { type BlobLike, type NamedBlob, openCheckpoint, openFile } from '../../lib/core/checkpoint/index.ts';
import { sparseBlob } from '../../lib/core/checkpoint/testing.ts';
import { parseRunParam } from '../../lib/core/edit/index.ts';
import { studentFolder } from '../../lib/core/export/index.ts';
import { openTeacher } from '../../lib/core/export/open-teacher.ts';
import { checkTrainedValues, openFineTuned, openStudent } from '../../lib/core/export/trained-file.ts';
import { openModel } from '../../lib/core/folder/open-model.ts';
import { parseIntervalKeys, parseIntervalParam, parseLayerIndex } from '../../lib/core/interval/index.ts';
import { assertPlanFits, parseRunPlan } from '../../lib/core/plan/index.ts';
import type { SeededRandom } from '../../lib/core/random.ts';
import { parseReport } from '../../lib/core/report/index.ts';
import { ServerModels } from '../../lib/server/models.ts';
import { mutateBytes, mutateJsonFile, mutateSafetensors, pick } from './mutate.ts';
import * as seeds from './seeds.ts';
import { STORED_TARGETS } from './stored-targets.ts';
import type { Files, Target } from './target.ts';

const named = (files: Files): NamedBlob[] =>
  Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
const only = (files: Files): NamedBlob => named(files)[0]!;
const textOf = (files: Files): string => new TextDecoder().decode(Object.values(files)[0]);

function damaged(random: SeededRandom, path: string, bytes: seeds.Bytes): seeds.Bytes {
  if (path.endsWith('.safetensors')) return mutateSafetensors(random, bytes);
  return path.endsWith('.json') ? mutateJsonFile(random, bytes) : mutateBytes(random, bytes);
}

/** A model with one file damaged; those whose path holds `wanted`. */
function damagedModel(random: SeededRandom, files: Files, wanted = ''): Files {
  const path = pick(
    random,
    Object.keys(files).filter((one) => one.includes(wanted)),
  );
  return { ...files, [path]: damaged(random, path, files[path]!) };
}

const json = (kind: string, bytes: seeds.Bytes, read: (text: string) => unknown): Target => ({
  kind,
  damage: (random) => ({ [kind]: mutateJsonFile(random, bytes) }),
  read: async (files) => read(textOf(files)),
});
const safetensors = (kind: string, bytes: seeds.Bytes, read: (file: NamedBlob) => Promise<unknown>): Target => ({
  kind,
  damage: (random) => ({ [kind]: mutateSafetensors(random, bytes) }),
  read: async (files) => await read(only(files)),
});

async function readWhole(file: NamedBlob): Promise<void> {
  const checkpoint = await openFile(file);
  for (const name of [...checkpoint.tensors.keys()].slice(0, 50)) await checkpoint.readBytes(name);
  for (const name of [...checkpoint.tensors.keys()].slice(0, 50)) await checkpoint.readFloat32(name);
}

/** In a folder of their own; now and then one of them, sparse, has more than Node reads at once. */
async function onDisk(files: Files, random: SeededRandom, read: (folder: string) => Promise<unknown>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-fuzz-'));
  try {
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
      if (random.integer(64) === 0) await truncate(join(folder, path), 2.2e9);
    }
    await read(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const intervals = seeds.planned.edits.map(({ first, last }) => ({ first, last }));
const wanted = { fingerprint: seeds.fingerprint, family: seeds.config.family };
const WEIGHTS = 'transformer/diffusion_pytorch_model.safetensors';

export const TARGETS: readonly Target[] = [
  ...STORED_TARGETS,
  { ...safetensors('weights.safetensors', seeds.model[WEIGHTS]!, readWhole), share: 3 },
  {
    kind: 'shards and index',
    share: 2,
    damage: (random) => damagedModel(random, seeds.sharded, 'transformer/diffusion'),
    read: async (files) =>
      await openCheckpoint(named(files).map(({ path, blob }) => ({ path: path.replace('transformer/', ''), blob }))),
  },
  {
    kind: 'config.json',
    share: 2,
    damage: (random) => damagedModel(random, seeds.model, 'transformer/config.json'),
    read: async (files) => await openModel({ files: named(files), name: 'tiny', isPicked: true }),
  },
  {
    kind: 'scheduler, vocabulary, embeddings',
    share: 2,
    damage: (random) => damagedModel(random, seeds.model, pick(random, ['scheduler/', 'vocab', 'embeddings'])),
    read: async (files) => await openModel({ files: named(files), name: 'tiny', isPicked: true }),
  },
  {
    kind: 'model folder on disk',
    damage: (random) => damagedModel(random, pick(random, [seeds.model, seeds.sharded])),
    read: async (files, random) =>
      await onDisk(files, random, async (folder) =>
        openModel({ files: await nodeFiles.openFolder(`${pathToFileURL(folder).href}/`), name: 'tiny' }),
      ),
  },
  {
    kind: 'model root of a server',
    damage: (random) => damagedModel(random, pick(random, [seeds.model, seeds.sharded])),
    read: async (files, random) =>
      await onDisk(files, random, async (folder) => {
        const models = new ServerModels([{ name: 'lab', folder: dirname(folder) }], join(folder, 'uploads'));
        await models.read(`lab/${folder.slice(dirname(folder).length + 1)}`);
      }),
  },
  {
    kind: 'model on a web server',
    share: 2,
    damage: (random) =>
      random.integer(2) === 0 ? damagedModel(random, pick(random, [seeds.model, seeds.sharded])) : seeds.model,
    read: async (files, random) => {
      const fetcher = async (url: string, init: RequestInit) =>
        badResponse(random, files[new URL(url).pathname.slice(1)], init);
      const host = httpFiles({ fetcher, retry: { ...DEFAULT_RETRY, firstDelayMs: 0 } });
      await openModel({ files: await host.openFolder('http://host/'), name: 'tiny' });
    },
  },
  json('plan.json', seeds.plan, (text) =>
    assertPlanFits(parseRunPlan(text, 'plan.json'), seeds.planned.model, 'plan.json'),
  ),
  json('report.json', seeds.report, (text) => parseReport(text, 'report.json')),
  json('plan.json of version 1', seeds.planV1, (text) => parseRunPlan(text, 'plan.json')),
  json('report.json of version 1', seeds.reportV1, (text) => parseReport(text, 'report.json')),
  {
    ...safetensors('calibration.safetensors', seeds.calibration, (file) => fileCalibration(file, seeds.config)),
    share: 2,
  },
  safetensors('inputs.safetensors', seeds.calibration, (file) => readForwardInputs(file, seeds.config)),
  safetensors('uploaded calibration', seeds.calibration, (file) => checkCalibration(file, seeds.config, 400)),
  safetensors('student.safetensors', seeds.student, async (file) => {
    await checkTrainedValues(await openStudent(file, { ...wanted, interval: seeds.interval }, seeds.block));
  }),
  safetensors('fine-tuned.safetensors', seeds.fineTuned, async (file) => {
    await checkTrainedValues(await openFineTuned(file, { ...wanted, intervals, edits: [] }, seeds.fineTunedModel));
  }),
  {
    kind: 'export',
    damage: (random) => ({
      ...damagedModel(random, { ...seeds.model, 'README.md': seeds.model['README.md']!, student: seeds.student }),
    }),
    read: async ({ student, ...files }) => {
      const teacher = await openTeacher(named(files), 'tiny');
      const exported = await studentFolder({
        teacher,
        plan: seeds.planned,
        students: [{ interval: seeds.interval, file: { path: 'student', blob: new Blob([student!]) } }],
        fineTuned: null,
        run: null,
      });
      for (const { blob } of exported) await blob.arrayBuffer();
    },
  },
  {
    kind: 'intervals as text',
    damage: (random) => ({ text: mutateJsonFile(random, new TextEncoder().encode('[[3,4],[5,7]]')) }),
    read: async (files, random) => {
      const read = pick(random, [parseLayerIndex, parseIntervalKeys, parseIntervalParam]);
      read(textOf(files), { numBlocks: 10 }, '--intervals');
    },
  },
  {
    kind: 'edits as text',
    damage: (random) => ({ text: mutateBytes(random, new TextEncoder().encode('3-4r.5-7p.8-9s')) }),
    read: async (files) => parseRunParam(textOf(files), 'student', { numBlocks: 10 }, 'the address'),
  },
  {
    kind: 'cached states',
    damage: (random) => ({ 'batch.f32': mutateBytes(random, new Uint8Array(random.integer(4000))) }),
    read: async (files, random) =>
      await onDisk({}, random, async (folder) => {
        const url = `${pathToFileURL(folder).href}/`;
        const cache = await openStateCache(url, 2 ** 20, 'key');
        await cache.store('batch', new Float32Array(10));
        const [origin] = await readdir(folder);
        await writeFile(join(folder, origin!, 'batch.f32'), Object.values(files)[0]!);
        await cache.load('batch');
      }),
  },
  {
    kind: 'files of up to 32 TB',
    damage: () => ({}),
    read: async (_, random) => await readLarge(random),
  },
];

/** Valid heads of files that go on with zeros for ever; what they claim no memory holds. */
async function readLarge(random: SeededRandom): Promise<unknown> {
  const size = 2 ** (33 + random.integer(13));
  const large = (head: seeds.Bytes = new Uint8Array()): BlobLike => sparseBlob(size, head);
  if (random.integer(2) === 0) {
    const path = pick(random, Object.keys(seeds.sharded));
    const files = named(seeds.sharded).map((file) =>
      file.path === path ? { path, blob: large(seeds.sharded[path]) } : file,
    );
    return await openModel({ files, name: 'tiny', isPicked: true });
  }
  const samples = 2 ** random.integer(26);
  const { head, size: claimed } = seeds.largeCalibration(samples, Math.ceil(size / samples / 192));
  const file = { path: 'calibration.safetensors', blob: sparseBlob(claimed, head) };
  return await pick(random, [fileCalibration, readForwardInputs])(file, seeds.config);
}

/** A server that keeps to HTTP most of the time. */
function badResponse(random: SeededRandom, bytes: seeds.Bytes | undefined, init: RequestInit): Response {
  if (!bytes) return new Response('', { status: 404 });
  const [, start, end] = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get('Range') ?? '') ?? [];
  const [from, to] = [Number(start), Math.min(Number(end) + 1, bytes.length)];
  const part = bytes.slice(from, to);
  const honest = { 'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}`, ETag: '"a"' };
  const partial = (body: seeds.Bytes, headers: Readonly<Record<string, string>> = honest) =>
    new Response(body, { status: 206, headers });
  switch (random.integer(24)) {
    case 0:
      return new Response('', { status: pick(random, [403, 404, 416, 500, 503]) });
    case 1:
      return new Response(bytes);
    case 2:
      return new Response(bytes, {
        headers: { 'Content-Length': pick(random, ['0', '1e99', '-1', '99999999999', 'x']) },
      });
    case 3:
      return partial(mutateBytes(random, part));
    case 4:
      return partial(part, {});
    case 5:
      return partial(part, {
        'Content-Range': pick(random, ['bytes 0-0/1', 'bytes */9', 'bytes 0-9/99999999999999999999', 'x']),
      });
    case 6:
      return partial(part, { ...honest, ETag: `"${random.integer(3)}"` });
    case 7:
      return partial(new Uint8Array(part.length + 3 * 2 ** 20));
    case 8:
      return new Response(new ReadableStream({ start: (controller) => controller.error(new Error('reset')) }), {
        status: 206,
      });
    default:
      return partial(part);
  }
}
