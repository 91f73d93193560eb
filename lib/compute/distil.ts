/**
 * The training tasks: a student per interval, the joint fine-tune, and what a model with edits gives. The core computes; here
 * files are opened, and saved where the caller asked for them.
 */
import { fileDigits, type NamedBlob } from '../core/checkpoint/index.ts';
import { batchesFor, distilInterval, fineTune, measuredInputs, type TrainingInputs } from '../core/distil/index.ts';
import { runSetOf } from '../core/edit/index.ts';
import {
  disposeStudents,
  drawHeldOut,
  type EditedRoute,
  measureForward,
  openFineTunedRoute,
  openStudents,
  relativeOutputError,
  routeBefore,
  studentsKey,
} from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { BlockInterval } from '../core/interval/index.ts';
import { routeOf } from '../core/model/index.ts';
import { ENGINE_NAMES, type EngineName } from '../core/tensor/engine.ts';
import { assertBoundariesFit, type Boundaries, openBoundaries } from '../core/trace/index.ts';
import { type FileHost, openFileOf, openFilesOf, openSource } from './folder/file-host.ts';
import type { EditSource, ProbeSource } from './protocol.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type TrainingTasks = Pick<TaskRunner, 'distil' | 'fineTune' | 'tryEdits'>;

type OpenRoute = (
  edits: readonly EditSource[],
  probes: ProbeSource | null,
  context: CallContext<never>,
) => Promise<EditedRoute>;

export function createTrainingTasks(session: Session, files: FileHost, editedRoute: OpenRoute): TrainingTasks {
  return {
    async distil(
      { edit, settings, data, boundaries, cache, sweepBytes, before, resume, saveTo },
      { signal, stop, onProgress },
    ) {
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
          resume: resume && (await openSource(resume, files)),
          save: (name, parts) => files.saveFile(new URL(name, withSlash(saveTo)).href, parts),
          onProgress: (partial, done) => onProgress({ stage: 'distil', done, total: settings.steps, partial }),
          signal,
          stop,
        });
      } finally {
        disposeStudents(leading);
      }
    },

    async fineTune({ edits: sources, settings, data, resume, saveTo }, { signal, stop, onProgress }) {
      assertTrains(session.engine.name);
      const { model } = session;
      const transformer = await session.transformer();
      const batches = await batchesFor(model, await openFileOf(data, files), settings);
      const opened = await openFilesOf(sources, files);
      const students = await openStudents(model, opened);
      try {
        return await fineTune({
          transformer,
          fingerprint: model.summary.fingerprint,
          students,
          studentsKey: await studentsKey(opened),
          settings,
          batches,
          resume: resume && (await openSource(resume, files)),
          save: (name, parts) => files.saveFile(new URL(name, withSlash(saveTo)).href, parts),
          onProgress: (partial, done) => onProgress({ stage: 'fine-tune', done, total: settings.steps, partial }),
          signal,
          stop,
        });
      } finally {
        disposeStudents(students);
      }
    },

    async tryEdits({ edits, probes, fineTuned, pictures, steps, guidance, seed, data }, context) {
      const { model } = session;
      const { signal, onProgress } = context;
      const transformer = await session.transformer();
      const { route: edited, dispose } = fineTuned
        ? await openFineTunedRoute(model, await openFilesOf(edits, files), () => openSource(fineTuned, files))
        : await editedRoute(edits, probes, context);
      try {
        const heldOut = await measuredInputs(model, await openFileOf(data, files));
        const route = edited ?? routeOf(model.config.numBlocks, []);
        const { error, bounds } = await relativeOutputError(transformer, heldOut, route, signal);
        const measured = { outputError: error, outputErrorBounds: bounds };
        const timing = await measureForward(transformer, heldOut.batches[0], route, { signal });
        if (!model.drawer) return { facts: null, drawings: [], ...measured, timing };
        const asked = { route, pictures, steps, guidance, seed };
        const drawn = await drawHeldOut(transformer, model.drawer, asked, signal, (done, total) =>
          onProgress({ stage: 'draw', done, total }),
        );
        return { ...drawn, ...measured, timing };
      } finally {
        dispose();
      }
    },
  };
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

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
