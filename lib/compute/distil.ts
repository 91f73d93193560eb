/**
 * The training tasks: a student per interval, the joint fine-tune, and what a model with edits gives. The core computes; here
 * files are opened, and saved where the caller asked for them.
 */
import { batchesFor, distilInterval, fineTune, measuredInputs } from '../core/distil/index.ts';
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
import { routeOf } from '../core/model/index.ts';
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
    async distil({ edit, settings, data, cache, sweepBytes, before, resume, saveTo }, { signal, stop, onProgress }) {
      const { model, engine } = session;
      runSetOf([edit], model.summary, 'the interval to distil');
      const interval = { first: edit.first, last: edit.last };
      const transformer = await session.transformer();
      const batches = await batchesFor(model, await openFileOf(data, files), settings);
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

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
