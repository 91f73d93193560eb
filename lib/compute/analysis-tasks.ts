/** The tasks of an analysis: of the open model or of a trace, how much memory it needs, and the capture of a trace. */
import {
  analyseStates,
  estimateAnalysis,
  estimateCapture,
  estimateTrace,
  fittingLimits,
  type MemoryMeter,
  reportOf,
  tracedStates,
} from '../core/analysis/index.ts';
import { calibrationFor, sampleTokens } from '../core/capture/index.ts';
import { storedBytes } from '../core/checkpoint/inventory.ts';
import { ablationsOf } from '../core/detection/index.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { parseIntervalKeys } from '../core/interval/index.ts';
import { architectureOf } from '../core/model/index.ts';
import type { EngineName } from '../core/tensor/index.ts';
import { boundaryBlocks } from '../core/trace/index.ts';
import { type AnalysisSources, storeKey } from './analysis-sources.ts';
import { type FileHost, openFileOf } from './folder/file-host.ts';
import { checkSameWeights } from './same-weights.ts';
import type { TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type AnalysisTasks = Pick<
  TaskRunner,
  | 'analyse'
  | 'estimateAnalysis'
  | 'fittingLimits'
  | 'capture'
  | 'estimateCapture'
  | 'analyseTrace'
  | 'estimateTrace'
  | 'roomForStates'
>;

/** `memory` is that of the process, with an engine. */
export function createAnalysisTasks(
  session: Session,
  files: FileHost,
  analyses: AnalysisSources,
  memory: (engine: EngineName) => MemoryMeter | null,
): AnalysisTasks {
  return {
    async analyse({ limits = {}, states, ...asked }, { signal, onProgress }) {
      const { model, engine } = session;
      const { calibration, key, storedAs } = await analyses.sampled(asked);
      const options = { signal, onProgress, damage: asked.damage, ...limits };
      const openStore =
        states &&
        (async () => {
          const store = await files.openStates(states.url, states.sizeBytes, storeKey(storedAs, model, engine));
          try {
            await checkSameWeights(store, model);
          } catch (thrown) {
            await store.dispose();
            throw thrown;
          }
          return store;
        });
      return reportOf(await session.analyse(key, calibration, options, openStore), model.summary, engine);
    },

    async estimateAnalysis({ memoryBytes, states, ablations = [], ...asked }, { signal }) {
      const { calibration } = await analyses.sampled(asked);
      const { damage } = asked;
      session.releaseSharing();
      const inFiles = states !== undefined;
      const lists = ablations.map((which) => ablationsOf(which, session.model.summary));
      return await estimateAnalysis(await session.transformer(), calibration, {
        blockBytes: blockBytesOf(session.model),
        signal,
        memoryBytes,
        inFiles,
        damage,
        ablations: lists,
        meter: memory(session.engine.name),
      });
    },

    async fittingLimits({ memoryBytes, ...asked }, { signal }) {
      const { calibration } = await analyses.sampled(asked);
      session.releaseSharing();
      const meter = memory(session.engine.name);
      return await fittingLimits(await session.transformer(), calibration, { signal, memoryBytes, meter });
    },

    async capture({ calibration, ...asked }, context) {
      const { captureTrace } = await import('./capture.ts');
      const { model, engine } = session;
      const request = { ...asked, calibration: await openFileOf(calibration, files) };
      return await captureTrace(model, await session.transformer(), request, files, engine, context);
    },

    async estimateCapture({ calibration: source, rows, dtype, intervals = '', states, memoryBytes }, { signal }) {
      const { model } = session;
      const around = parseIntervalKeys(intervals, model.summary, 'intervals');
      const request = await openFileOf(source, files);
      const calibration = sampleTokens(await calibrationFor(model, request), rows);
      session.releaseSharing();
      return await estimateCapture(await session.transformer(), calibration, {
        signal,
        memoryBytes,
        inFiles: states !== undefined,
        blockBytes: blockBytesOf(model),
        meter: memory(session.engine.name),
        wholeStates: around.length > 0 ? boundaryBlocks(around).length : 0,
        valueBytes: dtype === 'F32' ? 4 : 2,
      });
    },

    async analyseTrace({ states, tokens, limits = {} }, { signal, onProgress }) {
      const { engine, trace: open } = session;
      const limit = rowLimit(tokens);
      const sampled = limit === null ? '' : ` tokens ${limit}`;
      const key = storeKey(`trace ${open.summary.trace?.digits}${sampled}`, open, engine);
      const store = states && (await files.openStates(states.url, states.sizeBytes, key));
      try {
        const analysed = await analyseStates(tracedStates(open.trace, limit), { signal, onProgress, store, ...limits });
        return reportOf(analysed, open.summary, null);
      } finally {
        await store?.dispose();
      }
    },

    async estimateTrace({ states, tokens, memoryBytes }, { signal }) {
      const { engine, trace: open } = session;
      return await estimateTrace(tracedStates(open.trace, rowLimit(tokens)), {
        signal,
        memoryBytes,
        inFiles: states !== undefined,
        stateBytes: open.trace.sizeBytes,
        meter: memory(engine.name),
      });
    },

    async roomForStates({ bytes }) {
      return (await files.roomForStates?.(bytes)) ?? bytes;
    },
  };
}

/** Of a trace, whose rows are all read where no number is asked for. */
const rowLimit = (tokens: number | 'all' | undefined): number | null => (typeof tokens === 'number' ? tokens : null);

/** As they are stored. */
function blockBytesOf({ checkpoint, config }: OpenModel): number {
  return architectureOf(config).blocks.reduce((sum, { prefix, tensors }) => {
    const infos = tensors.flatMap(({ name }) => checkpoint.tensors.get(`${prefix}${name}`) ?? []);
    return sum + infos.reduce((bytes, info) => bytes + storedBytes(info), 0);
  }, 0);
}
