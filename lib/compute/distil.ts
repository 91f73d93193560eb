/**
 * The training tasks: a student per interval, the joint fine-tune, and what plugged students give. The core computes; here
 * files are opened, data is made from what was asked for, and trained files become steps of a route.
 */

import { readForwardInputs } from '../core/capture/index.ts';
import {
  type BatchRequest,
  distilInterval,
  fileBatches,
  fineTune,
  readStudent,
  shapesBatches,
  syntheticBatches,
  type TrainedStudent,
  type TrainingBatches,
  weightSetOf,
} from '../core/distil/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { openFineTuned, openStudent } from '../core/export/trained-file.ts';
import { digestOfFile } from '../core/folder/digest.ts';
import { formatIntervalKeys, intervalSetOf } from '../core/interval/index.ts';
import { architectureOf, blockAt, expectedTensors, prunedModel } from '../core/model/config-index.ts';
import { type Route, routeWithStudents, type Transformer, type WeightSet } from '../core/model/index.ts';
import { pause } from '../core/pause.ts';
import { seededRandom } from '../core/random.ts';
import { samplePictures } from '../core/sampling/index.ts';
import { captionWords, checkPicture, pictureRgba, randomScene, unpackPicture } from '../core/shapes/index.ts';
import { conditionFor } from './drawing.ts';
import { type FileHost, openSource } from './folder/file-host.ts';
import type { OpenModel } from './folder/open-model.ts';
import { measureForward } from './measure.ts';
import type { FileSource, StudentFile, SubsetMeasurement, TrainingSource } from './protocol.ts';
import type { TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type TrainingTasks = Pick<TaskRunner, 'distil' | 'fineTune' | 'tryStudents'>;

export function createTrainingTasks(session: Session, files: FileHost): TrainingTasks {
  return {
    async distil({ interval, settings, data, cache, precededBy, resume, saveTo }, { signal, stop, onProgress }) {
      const { model, engine } = session;
      const [checked] = intervalSetOf([interval], model.summary, 'the interval to distil');
      if (!checked) throw new ContiguaError('internal', 'No interval to distil');
      const transformer = await session.transformer();
      const batches = await batchesFor(model, data, settings, files);
      const leading = await openStudents(model, precededBy, files);
      try {
        const { fingerprint } = model.summary;
        return await distilInterval({
          transformer,
          fingerprint,
          interval: checked,
          settings,
          batches,
          shared: cache && {
            cache: await files.openStateCache(
              cache.url,
              cache.sizeBytes,
              `${engine.name} ${engine.device}, ${fingerprint}, ${batches.key}`,
            ),
            keep: cache.keep,
          },
          leading:
            leading.length > 0
              ? {
                  route: routeBefore(checked.first, model.config.numBlocks, leading),
                  key: await digestOf(precededBy, files),
                }
              : null,
          resume: resume && (await openSource(resume, files)),
          save: (name, parts) => files.saveFile(new URL(name, withSlash(saveTo)).href, parts),
          onProgress: (partial, done) => onProgress({ stage: 'distil', done, total: settings.steps, partial }),
          signal,
          stop,
        });
      } finally {
        for (const { weights } of leading) weights.dispose();
      }
    },

    async fineTune({ students: sources, settings, data, resume, saveTo }, { signal, stop, onProgress }) {
      const { model } = session;
      const transformer = await session.transformer();
      const batches = await batchesFor(model, data, settings, files);
      const students = await openStudents(model, sources, files);
      try {
        return await fineTune({
          transformer,
          fingerprint: model.summary.fingerprint,
          students,
          studentsKey: await digestOf(sources, files),
          settings,
          batches,
          resume: resume && (await openSource(resume, files)),
          save: (name, parts) => files.saveFile(new URL(name, withSlash(saveTo)).href, parts),
          onProgress: (partial, done) => onProgress({ stage: 'fine-tune', done, total: settings.steps, partial }),
          signal,
          stop,
        });
      } finally {
        for (const { weights } of students) weights.dispose();
      }
    },

    async tryStudents({ students: sources, fineTuned, removed = [], pictures, steps, guidance, seed, data }, context) {
      const { model } = session;
      const { signal } = context;
      const transformer = await session.transformer();
      const { numBlocks } = model.config;
      const students = await openStudents(model, sources, files);
      let whole: Awaited<ReturnType<typeof openWhole>> | null = null;
      try {
        whole = fineTuned ? await openWhole(model, students, fineTuned, files) : null;
        const route = (whole?.route ?? routeWithStudents(numBlocks, students)).filter(
          (step) => step.kind !== 'block' || !removed.includes(step.index),
        );
        const heldOut = (await batchesFor(model, data, MEASURED, files)).heldOut(MEASURED.samples);
        const [firstBatch] = heldOut;
        if (!firstBatch) throw new ContiguaError('calibration-invalid', 'No samples to measure on');
        const outputError = await relativeOutputError(transformer, heldOut, route, signal);
        const timing = await measureForward(transformer, firstBatch, route, { signal, onProgress: () => {} });
        const drawn = model.drawer
          ? await drawHeldOut(transformer, model, { route, pictures, steps, guidance, seed }, context)
          : { facts: null, drawings: [] };
        return { ...drawn, outputError, timing };
      } finally {
        for (const { weights } of students) weights.dispose();
        for (const weights of whole?.owned ?? []) weights.dispose();
      }
    },
  };
}

/** Samples of the output error, and how many run at once. */
const MEASURED = { batch: 16, seed: 0, samples: 32 };

async function batchesFor(
  { config, drawer, summary }: OpenModel,
  source: TrainingSource,
  request: BatchRequest,
  files: FileHost,
): Promise<TrainingBatches> {
  switch (source.kind) {
    case 'file': {
      const file = await openSource(source.file, files);
      return fileBatches(await readForwardInputs(file, config), await digestOfFile(file), request);
    }
    case 'synthetic':
      return syntheticBatches(config, request);
    case 'shapes':
      if (drawer) return shapesBatches(drawer.assets, config, request);
      throw new ContiguaError('calibration-invalid', `${summary.name} is not a model of the sample grammar`, {
        hint: 'Train on a calibration file, or on synthetic inputs.',
      });
  }
}

/** The students' weights on the engine, the caller's own. */
async function openStudents(
  { config, summary }: OpenModel,
  sources: readonly StudentFile[],
  files: FileHost,
): Promise<TrainedStudent[]> {
  intervalSetOf(
    sources.map(({ interval }) => interval),
    summary,
    'the students',
  );
  const architecture = architectureOf(config);
  const opened: TrainedStudent[] = [];
  try {
    for (const { interval, file } of sources.toSorted((x, y) => x.interval.first - y.interval.first)) {
      const { fingerprint, family } = summary;
      const block = blockAt(architecture, interval.first).tensors;
      const tensors = await openStudent(await openSource(file, files), { fingerprint, family, interval }, block);
      opened.push({ interval, weights: await readStudent(tensors) });
    }
    return opened;
  } catch (thrown) {
    for (const { weights } of opened) weights.dispose();
    throw thrown;
  }
}

/** The fine-tuned whole as a route of blocks with weights of their own, where it trained them. */
async function openWhole(
  { config, summary }: OpenModel,
  students: readonly TrainedStudent[],
  source: FileSource,
  files: FileHost,
): Promise<{ readonly route: Route; readonly owned: readonly WeightSet[] }> {
  const plain = routeWithStudents(config.numBlocks, students);
  const student = prunedModel(
    config,
    plain.map(({ index }) => index),
  );
  const { blocks } = architectureOf(student);
  const { fingerprint, family } = summary;
  const intervals = students.map(({ interval }) => interval);
  const tensors = await openFineTuned(
    await openSource(source, files),
    { fingerprint, family, intervals },
    expectedTensors(student),
  );
  const all = await readStudent(tensors);
  const owned: WeightSet[] = [];
  try {
    const route: Route = await Promise.all(
      plain.map(async (step, position) => {
        const { prefix } = blockAt({ blocks }, position);
        const own = [...all.entries()].filter(([name]) => name.startsWith(prefix));
        if (own.length === 0) return step;
        const weights = weightSetOf(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
        return { kind: 'student', index: step.index, weights: weights.clone() } as const;
      }),
    );
    owned.push(...route.flatMap((step) => (step.kind === 'student' ? [step.weights] : [])));
    return { route, owned: owned.filter((weights) => !students.some((student) => student.weights === weights)) };
  } finally {
    all.dispose();
  }
}

/** The way from the input to block `first`, students in their places. */
function routeBefore(first: number, numBlocks: number, students: readonly TrainedStudent[]): Route {
  const before = students.filter(({ interval }) => interval.last < first);
  const removed = before.reduce((sum, { interval }) => sum + interval.last - interval.first, 0);
  return routeWithStudents(numBlocks, before).slice(0, first - removed);
}

async function relativeOutputError(
  transformer: Transformer,
  heldOut: readonly Parameters<Transformer['forward']>[0][],
  route: Route,
  signal: AbortSignal,
): Promise<number> {
  let [difference, total] = [0, 0];
  for (const inputs of heldOut) {
    await pause(signal);
    const whole = await transformer.forward(inputs);
    const own = await transformer.forward(inputs, route);
    for (let i = 0; i < whole.length; i++) {
      difference += (own[i]! - whole[i]!) ** 2;
      total += whole[i]! ** 2;
    }
  }
  return Math.sqrt(difference / total);
}

/** Pictures drawn at once, twice that many samples in a forward. */
const DRAWN_AT_ONCE = 16;
/** Pictures that are handed on to be looked at. */
const SHOWN = 6;

async function drawHeldOut(
  transformer: Transformer,
  { drawer }: OpenModel,
  asked: { route: Route; pictures: number; steps: number; guidance: number; seed: number },
  { signal, onProgress }: Parameters<TrainingTasks['tryStudents']>[1],
): Promise<Pick<SubsetMeasurement, 'facts' | 'drawings'>> {
  if (!drawer) return { facts: null, drawings: [] };
  const random = seededRandom(asked.seed);
  const scenes = Array.from({ length: asked.pictures }, () => randomScene(random, true));
  const facts = { held: 0, total: 0, pictures: asked.pictures };
  const drawings: SubsetMeasurement['drawings'][number][] = [];
  for (let from = 0; from < scenes.length; from += DRAWN_AT_ONCE) {
    const some = scenes.slice(from, from + DRAWN_AT_ONCE);
    const startedAt = performance.now();
    const pictures = await samplePictures(
      transformer,
      some.map((scene, i) => ({
        conditional: conditionFor(drawer.assets, captionWords(scene)),
        seed: asked.seed + from + i,
      })),
      {
        ...asked,
        scheduler: drawer.scheduler,
        unconditional: conditionFor(drawer.assets, []),
        imageShapes: [[1, drawer.gridSize, drawer.gridSize]],
        signal,
      },
    );
    const durationMs = (performance.now() - startedAt) / some.length;
    for (const [i, scene] of some.entries()) {
      const pixels = unpackPicture(pictures[i]!);
      const verdicts = checkPicture(pixels, scene);
      facts.held += verdicts.filter(({ holds }) => holds).length;
      facts.total += verdicts.length;
      if (drawings.length < SHOWN) {
        const side = Math.sqrt(pixels.length / 3);
        const drawing = { rgba: pictureRgba(pixels), width: side, height: side, facts: verdicts, durationMs };
        drawings.push({ caption: captionWords(scene).join(' '), drawing });
      }
    }
    onProgress({ stage: 'draw', done: Math.min(scenes.length, from + some.length), total: scenes.length });
  }
  return { facts, drawings };
}

/** Tells students of the same intervals apart: their intervals and what their files hold. */
async function digestOf(sources: readonly StudentFile[], files: FileHost): Promise<string> {
  const digests: string[] = [];
  for (const { file } of sources) digests.push((await digestOfFile(await openSource(file, files))).slice(0, 16));
  return `${formatIntervalKeys(sources.map(({ interval }) => interval))} ${digests.join(' ')}`;
}

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
