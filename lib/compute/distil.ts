/**
 * The training tasks: a student per interval, the joint fine-tune, and what a model with edits gives. The core computes; here
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
  type TrainingBatches,
  weightSetOf,
} from '../core/distil/index.ts';
import { editKey, editSetOf } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { openFineTuned, openStudent } from '../core/export/trained-file.ts';
import { digestOfFile } from '../core/folder/digest.ts';
import { formatIntervalKeys, removedCount } from '../core/interval/index.ts';
import { architectureOf, blockAt, expectedTensors, prunedModel, studentBlock } from '../core/model/config-index.ts';
import {
  type Route,
  routeOf,
  routeWithStudents,
  type StudentWeights,
  squarePicture,
  type Transformer,
} from '../core/model/index.ts';
import { pause } from '../core/pause.ts';
import { seededRandom } from '../core/random.ts';
import { samplePictures } from '../core/sampling/index.ts';
import { captionWords, checkPicture, pictureRgba, randomScene, unpackPicture } from '../core/shapes/index.ts';
import { conditionFor } from './drawing.ts';
import { type FileHost, openSource } from './folder/file-host.ts';
import type { OpenModel } from './folder/open-model.ts';
import { measureForward } from './measure.ts';
import type {
  EditSource,
  FileSource,
  ProbeSource,
  StudentSource,
  SubsetMeasurement,
  TrainingSource,
} from './protocol.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type TrainingTasks = Pick<TaskRunner, 'distil' | 'fineTune' | 'tryEdits'>;

/** The model with edits in place; undefined is the whole model. */
type EditedRoute = (
  edits: readonly EditSource[],
  probes: ProbeSource | null,
  context: CallContext<never>,
) => Promise<{ readonly route: Route | undefined; dispose(): void }>;

export function createTrainingTasks(session: Session, files: FileHost, editedRoute: EditedRoute): TrainingTasks {
  return {
    async distil({ edit, settings, data, cache, before, resume, saveTo }, { signal, stop, onProgress }) {
      const { model, engine } = session;
      editSetOf([edit], model.summary, 'the interval to distil');
      const interval = { first: edit.first, last: edit.last };
      const transformer = await session.transformer();
      const batches = await batchesFor(model, data, settings, files);
      const leading = await openStudents(model, before, files);
      try {
        const { fingerprint } = model.summary;
        return await distilInterval({
          transformer,
          fingerprint,
          interval,
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
                  route: routeBefore(interval.first, model.config.numBlocks, leading),
                  key: await digestOf(before, files),
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

    async fineTune({ edits: sources, settings, data, resume, saveTo }, { signal, stop, onProgress }) {
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

    async tryEdits({ edits, probes, fineTuned, pictures, steps, guidance, seed, data }, context) {
      const { model } = session;
      const { signal } = context;
      const transformer = await session.transformer();
      const { route: edited, dispose } = fineTuned
        ? await openWhole(model, edits, fineTuned, files)
        : await editedRoute(edits, probes, context);
      try {
        const heldOut = (await batchesFor(model, data, MEASURED, files)).heldOut(MEASURED.samples);
        const [firstBatch] = heldOut;
        if (!firstBatch) throw new ContiguaError('calibration-invalid', 'No samples to measure on');
        const route = edited ?? routeOf(model.config.numBlocks, []);
        const outputError = await relativeOutputError(transformer, heldOut, route, signal);
        const timing = await measureForward(transformer, firstBatch, route, { signal, onProgress: () => {} });
        const drawn = model.drawer
          ? await drawHeldOut(transformer, model, { route, pictures, steps, guidance, seed }, context)
          : { facts: null, drawings: [] };
        return { ...drawn, outputError, timing };
      } finally {
        dispose();
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
export async function openStudents(
  { config, summary }: OpenModel,
  sources: readonly StudentSource[],
  files: FileHost,
): Promise<StudentWeights[]> {
  const opened: StudentWeights[] = [];
  try {
    for (const { first, last, file } of editSetOf(sources, summary, 'the students') as readonly StudentSource[]) {
      const { fingerprint, family } = summary;
      const block = studentBlock(config, { first, last }).tensors;
      const teacher = { fingerprint, family, interval: { first, last } };
      const tensors = await openStudent(await openSource(file, files), teacher, block);
      opened.push({ first, last, weights: await readStudent(tensors) });
    }
    return opened;
  } catch (thrown) {
    for (const { weights } of opened) weights.dispose();
    throw thrown;
  }
}

/** The fine-tuned whole as a route: blocks that it trained have weights of their own, others those of students or of the teacher. */
async function openWhole(
  model: OpenModel,
  edits: readonly EditSource[],
  source: FileSource,
  files: FileHost,
): Promise<{ readonly route: Route; dispose(): void }> {
  const { config, summary } = model;
  const { fingerprint, family } = summary;
  const sources = edits.filter((edit) => edit.by === 'student');
  if (sources.length < edits.length) {
    throw new ContiguaError('plan-invalid', 'A fine-tuned model has students alone', {
      found: edits.map(editKey).join(', '),
      expected: 'a student in the place of every run',
    });
  }
  const students = await openStudents(model, sources, files);
  const owned = students.map(({ weights }) => weights);
  const dispose = () => {
    for (const weights of owned) weights.dispose();
  };
  try {
    const plain = routeWithStudents(config.numBlocks, students);
    const student = prunedModel(
      config,
      plain.map(({ index }) => index),
    );
    const { blocks } = architectureOf(student);
    const tensors = await openFineTuned(
      await openSource(source, files),
      { fingerprint, family, intervals: students.map(({ first, last }) => ({ first, last })) },
      expectedTensors(student),
    );
    const all = await readStudent(tensors);
    try {
      const route = plain.map((step, position) => {
        const { prefix } = blockAt({ blocks }, position);
        const trained = [...all.entries()].filter(([name]) => name.startsWith(prefix));
        if (trained.length === 0) return step;
        const named = new Map(trained.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
        const weights = weightSetOf(named).clone();
        owned.push(weights);
        return { kind: 'student', index: step.index, weights } as const;
      });
      return { route, dispose };
    } finally {
      all.dispose();
    }
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}

/** The way from the input to block `first`, students in their places. */
function routeBefore(first: number, numBlocks: number, students: readonly StudentWeights[]): Route {
  const before = students.filter(({ last }) => last < first);
  return routeWithStudents(numBlocks, before).slice(0, first - removedCount(before));
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
  { signal, onProgress }: Parameters<TrainingTasks['tryEdits']>[1],
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
        imageShapes: squarePicture(drawer.gridSize),
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
async function digestOf(sources: readonly StudentSource[], files: FileHost): Promise<string> {
  const digests: string[] = [];
  for (const { file } of sources) digests.push((await digestOfFile(await openSource(file, files))).slice(0, 16));
  return `${formatIntervalKeys(sources)} ${digests.join(' ')}`;
}

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
