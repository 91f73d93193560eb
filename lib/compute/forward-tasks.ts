/** The tasks that run the model as it is or as it is edited: one forward pass, its time, pictures and facts about them. */
import { readForwardInputs } from '../core/capture/index.ts';
import { drawerOf, drawHeldOut, drawPrompt, measureForward } from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { sampleOf } from '../core/model/index.ts';
import { parsePrompt } from '../core/shapes/index.ts';
import type { AnalysisSources } from './analysis-sources.ts';
import type { EditedModels } from './edited-models.ts';
import { type FileHost, openSource } from './folder/file-host.ts';
import type { TaskRunner } from './serve.ts';
import type { Session } from './session.ts';

type ForwardTasks = Pick<TaskRunner, 'facts' | 'measure' | 'forward' | 'draw'>;

export function createForwardTasks(
  session: Session,
  files: FileHost,
  analyses: AnalysisSources,
  models: EditedModels,
): ForwardTasks {
  return {
    async facts({ edits, probes, ...asked }, context) {
      const drawer = drawerOf(session.model);
      const { transformer, route, dispose } = await models.open(edits, probes, context);
      const { signal, onProgress } = context;
      try {
        const { facts } = await drawHeldOut(transformer, drawer, { ...asked, route }, signal, (done, total) =>
          onProgress({ stage: 'draw', done, total }),
        );
        return facts;
      } finally {
        dispose();
      }
    },

    async measure({ edits, probes }, context) {
      const { transformer: edited, route, dispose } = await models.open(edits, probes, context);
      try {
        const transformer = await session.transformer();
        const inputs = (await analyses.calibrationOf(probes)).batches[0];
        if (!inputs) throw new ContiguaError('internal', 'The calibration holds no batch');
        const { signal, onProgress } = context;
        return await measureForward(transformer, inputs, route, {
          signal,
          edited,
          onRun: (done, total) => onProgress({ stage: 'measure', done, total }),
        });
      } finally {
        dispose();
      }
    },

    async forward({ inputs: source }) {
      const { config } = session.model;
      const inputs = await readForwardInputs(await openSource(source, files), config);
      const { values, shape } = sampleOf(await (await session.transformer()).forward(inputs), inputs, config);
      return { sample: new Float32Array(values), shape };
    },

    async draw({ prompt, seed, steps, guidance, edits, probes }, context) {
      const { signal, onProgress } = context;
      const drawer = drawerOf(session.model);
      const parsed = parsePrompt(prompt);
      const { transformer, route, dispose } = await models.open(edits, probes, context);
      try {
        return await drawPrompt(transformer, drawer, parsed, {
          seed,
          steps,
          guidance,
          route,
          signal,
          onStep: (done, total) => onProgress({ stage: 'draw', done, total }),
        });
      } finally {
        dispose();
      }
    },
  };
}
