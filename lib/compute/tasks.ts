/**
 * The dispatcher: one function per task of the protocol, each a few calls into lib/core; `*-tasks.ts` and distil.ts hold those of one
 * stage. What lasts between calls is in session.ts; how a host finds engines and files is handed in. Nothing else in the product
 * calls the core for a worker.
 */
import type { MemoryMeter } from '../core/analysis/index.ts';
import { configAlone } from '../core/folder/config-alone.ts';
import { openModel } from '../core/folder/open-model.ts';
import type { EngineName } from '../core/tensor/index.ts';
import { openTrace, traceIn, traceSummary } from '../core/trace/index.ts';
import { AnalysisSources } from './analysis-sources.ts';
import { createAnalysisTasks } from './analysis-tasks.ts';
import { EditedModels } from './edited-models.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { FittedMaps } from './fitted-maps.ts';
import { type FileHost, openModelFolder } from './folder/file-host.ts';
import { createForwardTasks } from './forward-tasks.ts';
import { createMeasuringTasks } from './measuring-tasks.ts';
import type { TaskRunner } from './serve.ts';
import { Session } from './session.ts';

export interface TaskHost {
  readonly engines: EngineHost;
  readonly files: FileHost;
  /** Of the process, with this engine; null where it cannot tell. */
  readonly memory?: (engine: EngineName) => MemoryMeter | null;
}

export function createTasks({ engines, files, memory = () => null }: TaskHost): TaskRunner {
  const session = new Session(engines);
  const analyses = new AnalysisSources(session, files);
  const fitted = new FittedMaps(session, files, analyses);
  const models = new EditedModels(session, files, fitted);
  const trainingTasks = async () => (await import('./distil.ts')).createTrainingTasks(session, files, models);

  return {
    startEngine: ({ wanted, threads }) => session.startEngine(wanted, threads),

    verifyEngine: ({ again }) => session.checkEngine(again),

    async openModel({ source }, { signal, onProgress }) {
      onProgress({ stage: 'read', done: 0, total: 1 });
      const folder = await openModelFolder(source, files);
      const traceFile = await traceIn(folder.files);
      if (traceFile) {
        const trace = await openTrace(traceFile);
        const summary = await traceSummary(trace);
        await session.setTrace({ trace, summary });
        onProgress({ stage: 'read', done: 1, total: 1 });
        return summary;
      }
      const bare = await configAlone(folder);
      if (bare) {
        await session.setConfigAlone(bare);
        onProgress({ stage: 'read', done: 1, total: 1 });
        return bare;
      }
      const model = await openModel(folder);
      await session.setModel(model, signal);
      onProgress({ stage: 'read', done: 1, total: 1 });
      return model.summary;
    },
    ...createAnalysisTasks(session, files, analyses, memory),
    ...createMeasuringTasks(session, files, analyses, fitted, models),
    ...createForwardTasks(session, files, analyses, models),

    // Loaded when first asked for: a page that only analyses needs no gradients.
    distil: async (input, context) => await (await trainingTasks()).distil(input, context),
    trainMaps: async (input, context) => await (await trainingTasks()).trainMaps(input, context),
    trainModulations: async (input, context) => await (await trainingTasks()).trainModulations(input, context),
    fineTune: async (input, context) => await (await trainingTasks()).fineTune(input, context),
    tryEdits: async (input, context) => await (await trainingTasks()).tryEdits(input, context),
  };
}
