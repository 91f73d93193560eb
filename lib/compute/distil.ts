/**
 * The training tasks: a student per interval, the joint fine-tune, and what a model with edits gives. The core computes; here
 * files are opened, and saved where the caller asked for them.
 */
import { fileDigits, type NamedBlob } from '../core/checkpoint/index.ts';
import {
  batchesFor,
  distilInterval,
  fineTune,
  measuredInputs,
  type TrainingInputs,
  trainMaps,
  trainModulations,
} from '../core/distil/index.ts';
import { type Edit, editSetOf, ffnEdit, runEdit, runSetOf, textStreamEdit } from '../core/edit/index.ts';
import {
  disposeStudents,
  drawHeldOut,
  mapsKey,
  measureForward,
  openFineTunedRoute,
  openStudents,
  readModulations,
  relativeOutputError,
  routeBefore,
  storeTrainedMaps,
  studentsKey,
  trainedRoute,
  withModulations,
} from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { digestOfFile } from '../core/folder/digest.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import type { BlockInterval } from '../core/interval/index.ts';
import { editableModel, routeOf } from '../core/model/index.ts';
import type { DistilProgress } from '../core/run/progress.ts';
import { memoryStates } from '../core/states/index.ts';
import { ENGINE_NAMES, type EngineName } from '../core/tensor/engine.ts';
import { assertBoundariesFit, type Boundaries, openBoundaries } from '../core/trace/index.ts';
import type { MappedEdit } from '../core/width/index.ts';
import type { EditedModels } from './edited-models.ts';
import { type FileHost, fileOpener, openFileOf, openFilesOf, openSource, urlIn } from './folder/file-host.ts';
import { findModulations } from './modulations.ts';
import type { FileSource, NarrowSource } from './protocol.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type TrainingTasks = Pick<TaskRunner, 'distil' | 'trainMaps' | 'trainModulations' | 'fineTune' | 'tryEdits'>;

interface CheckpointedCall {
  readonly resume: FileSource | null;
  /** Folder URL. */
  readonly saveTo: string;
  readonly settings: { readonly steps: number };
}

export function createTrainingTasks(session: Session, files: FileHost, models: EditedModels): TrainingTasks {
  return {
    async distil(call, context) {
      const { edit, settings, data, boundaries, cache, sweepBytes, before } = call;
      assertTrains(session.engine.name);
      const { model, engine } = session;
      runSetOf([edit], model.summary, 'the interval to distil');
      const interval = { first: edit.first, last: edit.last };
      const transformer = await session.transformer();
      const opened = await openFileOf(data, files);
      const given = boundaries
        ? await fittingBoundaries(await openSource(boundaries, files), opened, model.summary.fingerprint, interval)
        : null;
      const batches = await batchesFor(model, opened, settings);
      const students = await openFilesOf(before, files);
      const leading = await openStudents(model, students);
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
              settings.stateDType,
              cache.sharedAt,
            ),
            keep: cache.keep,
          },
          boundaries: given,
          sweepBytes,
          leading:
            leading.length > 0
              ? {
                  route: routeBefore(interval.first, model.config.numBlocks, leading),
                  key: await studentsKey(students),
                }
              : null,
          ...(await checkpointing(call, context, 'distil')),
        });
      } finally {
        disposeStudents(leading);
      }
    },

    async trainMaps(call, context) {
      const { edit, restsOn, settings, data, cache, sweepBytes } = call;
      assertTrains(session.engine.name);
      const { model, engine } = session;
      const { fingerprint } = model.summary;
      const transformer = await session.transformer();
      const batches = await batchesFor(model, await openFileOf(data, files), settings);
      const before = await openTrained(model, restsOn, edit);
      try {
        const origin = `${engine.name} ${engine.device}, ${fingerprint}, ${batches.key}`;
        return await trainMaps({
          transformer,
          fingerprint,
          edit,
          edits: before.edits,
          students: before.students,
          maps: before.maps,
          restsOn: before.key,
          settings,
          batches,
          shared: cache && {
            cache: await files.openStateCache(
              cache.url,
              cache.sizeBytes,
              // States behind other edits are others.
              before.key === '' ? origin : `${origin}, behind ${before.key}`,
              settings.stateDType,
              before.key === '' ? cache.sharedAt : undefined,
            ),
            keep: before.key === '' ? cache.keep : [],
          },
          sweepBytes,
          ...(await checkpointing(call, context, 'distil')),
        });
      } finally {
        await before.dispose();
      }
    },

    async trainModulations(call, context) {
      const { edits, restsOn, settings, data } = call;
      assertTrains(session.engine.name);
      const { model } = session;
      const transformer = await session.transformer();
      const batches = await batchesFor(model, await openFileOf(data, files), settings);
      const requests = edits.map(({ blocks, by }) => ({ blocks, by }));
      const { signal, stop } = context;
      const untilStopped = { signal: stop ? AbortSignal.any([signal, stop]) : signal, onProgress: () => {} };
      const { found } = await findModulations(model, transformer, requests, null, untilStopped);
      const before = await openTrained(model, restsOn, null);
      let dispose = () => {};
      try {
        const through = await trainedRoute(model, before.edits, before.students, before.maps);
        dispose = through.dispose;
        return await trainModulations({
          transformer,
          fingerprint: model.summary.fingerprint,
          starts: found,
          route: through.route,
          restsOn: before.key,
          settings,
          batches,
          ...(await checkpointing(call, context, 'distil')),
        });
      } finally {
        dispose();
        await before.dispose();
      }
    },

    async fineTune(call, context) {
      const { edits: sources, modulations, settings, data } = call;
      assertTrains(session.engine.name);
      const { model } = session;
      const transformer = await session.transformer();
      const batches = await batchesFor(model, await openFileOf(data, files), settings);
      const shared = modulations && { ...modulations, file: await openSource(modulations.file, files) };
      const fits = shared ? await readModulations(model, shared.edits, shared.file) : [];
      const digest = shared ? (await digestOfFile(shared.file)).slice(0, 16) : '';
      const trained = await openTrained(model, sources, null);
      const { students } = trained;
      let dispose = () => {};
      try {
        const all = [...trained.edits, ...(shared?.edits ?? [])];
        const edits = editSetOf(all, editableModel(model.config), 'the edits to fine-tune');
        const through = await trainedRoute(model, trained.edits, students, trained.maps);
        dispose = through.dispose;
        const narrow = { edits, route: through.route, modulations: fits };
        return await fineTune({
          transformer,
          fingerprint: model.summary.fingerprint,
          students,
          ...(all.length > students.length && { narrow }),
          studentsKey: [trained.key, digest].filter((key) => key !== '').join(' '),
          settings,
          batches,
          ...(await checkpointing(call, context, 'fine-tune')),
        });
      } finally {
        dispose();
        await trained.dispose();
      }
    },

    async tryEdits({ edits, probes, fineTuned, modulations, pictures, steps, guidance, seed, data }, context) {
      const { model } = session;
      const { signal, onProgress } = context;
      const whole = await session.transformer();
      // A joint fine-tune has everything in one file.
      const open = fileOpener(files);
      const shared = modulations
        ? await withModulations(model, whole, modulations.edits, await open(modulations.file))
        : null;
      const transformer = shared?.transformer ?? whole;
      const { route: edited, dispose } = fineTuned
        ? await openFineTunedRoute(model, await openFilesOf(edits, files), () => open(fineTuned), modulations?.edits)
        : await models.route(edits, probes, context);
      try {
        const heldOut = await measuredInputs(model, await openFileOf(data, files));
        const route = edited ?? routeOf(model.config.numBlocks, []);
        const { error, bounds } = await relativeOutputError(whole, heldOut, route, signal, transformer);
        const measured = { outputError: error, outputErrorBounds: bounds };
        const timing = await measureForward(whole, heldOut.batches[0], route, { signal });
        if (!model.drawer) return { facts: null, drawings: [], ...measured, timing };
        const asked = { route, pictures, steps, guidance, seed };
        const drawn = await drawHeldOut(transformer, model.drawer, asked, signal, (done, total) =>
          onProgress({ stage: 'draw', done, total }),
        );
        return { ...drawn, ...measured, timing };
      } finally {
        dispose();
        shared?.dispose();
      }
    },
  };

  /** What every training resumes from, saves and reports, and what ends it. */
  async function checkpointing(
    { resume, saveTo, settings }: CheckpointedCall,
    { signal, stop, onProgress }: CallContext<DistilProgress>,
    stage: 'distil' | 'fine-tune',
  ) {
    return {
      resume: resume && (await openSource(resume, files)),
      save: (name: string, parts: AsyncIterable<Uint8Array>) => files.saveFile(urlIn(saveTo, name), parts),
      onProgress: (partial: DistilProgress, done: number) =>
        onProgress({ stage, done, total: settings.steps, partial }),
      signal,
      stop,
    };
  }

  /** Students and maps of what an edit rests on, with the set that they and the edit are; all are the caller's to dispose. */
  async function openTrained(model: OpenModel, restsOn: readonly NarrowSource[], edit: MappedEdit | null) {
    const opened = await openFilesOf(restsOn, files);
    const sources = opened.filter((one) => one.on === 'run');
    const mapped = opened.filter((one) => one.on !== 'run');
    const all = [...opened, ...(edit ? [edit] : [])].map((one): Edit => {
      if (one.on === 'run') return runEdit(one, 'student');
      return one.on === 'ffn' ? ffnEdit(one.block, one.stream) : textStreamEdit(one);
    });
    const edits = editSetOf(all, editableModel(model.config), 'the edits to train behind');
    const students = await openStudents(model, sources);
    const maps = { store: memoryStates(), owner: 'start' };
    const dispose = async () => {
      disposeStudents(students);
      await maps.store.dispose();
    };
    try {
      await storeTrainedMaps(model, mapped, edits, maps);
      const keys = [sources.length > 0 ? await studentsKey(sources) : '', await mapsKey(mapped)];
      return { edits, students, maps, key: keys.filter((key) => key !== '').join(' '), dispose };
    } catch (thrown) {
      await dispose();
      throw thrown;
    }
  }
}

/** Not all tests of training have passed on WebGL in one worker (docs/limits.md). */
function assertTrains(engine: EngineName): void {
  if (engine !== 'webgl') return;
  throw new ContiguaError('engine-unavailable', 'The engine webgl computes no training', {
    found: engine,
    expected: ENGINE_NAMES.filter((name) => name !== 'webgl').join(', '),
    hint: 'Train in the terminal or on the server, which choose another engine.',
  });
}

/** Captured states of this model, this interval and the samples of the data; throws `trace-invalid`. */
async function fittingBoundaries(
  file: NamedBlob,
  data: TrainingInputs,
  fingerprint: string,
  interval: BlockInterval,
): Promise<Boundaries> {
  const boundaries = await openBoundaries(file);
  if (data.kind !== 'file') {
    throw new ContiguaError('trace-invalid', 'States from a file need training data from a file', {
      file: file.path,
      found: data.kind,
      expected: 'the calibration file that the states are of',
    });
  }
  const { path: name, blob } = data.file;
  const wanted = { fingerprint, intervals: [interval], data: { name, digits: await fileDigits(blob) } };
  assertBoundariesFit(boundaries, wanted);
  return boundaries;
}
