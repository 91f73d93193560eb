/**
 * The dispatcher: one function per task of the protocol, each a few calls into lib/core. What lasts between calls is in
 * session.ts; how a host finds engines and files is handed in. Nothing else in the product calls the core for a worker.
 */
import {
  type Calibration,
  fileCalibration,
  readForwardInputs,
  shapesCalibration,
  syntheticCalibration,
} from '../core/capture/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { type BlockInterval, intervalSetOf, type Replacement } from '../core/interval/index.ts';
import { FAMILIES, goldenCase, openTransformer, type Route, routeOf } from '../core/model/index.ts';
import { REPORT_VERSION } from '../core/report/report.ts';
import { samplePicture } from '../core/sampling/index.ts';
import { checkPicture, parsePrompt, pictureRgba, unpackPicture } from '../core/shapes/index.ts';
import { conditionFor } from './drawing.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { type FileHost, openSource } from './folder/file-host.ts';
import { type OpenModel, openModel } from './folder/open-model.ts';
import { measureForward } from './measure.ts';
import type { CalibrationRequest } from './protocol.ts';
import type { TaskRunner } from './serve.ts';
import { Session } from './session.ts';

export interface TaskHost {
  readonly engines: EngineHost;
  readonly files: FileHost;
}

export function createTasks({ engines, files }: TaskHost): TaskRunner {
  const session = new Session(engines);
  const training = async () => (await import('./distil.ts')).createTrainingTasks(session, files);

  /** The way through the blocks for a choice of intervals; undefined is the whole model. */
  function routeFor(intervals: readonly BlockInterval[], replacement: Replacement): Route | undefined {
    const { summary } = session.model;
    const { numBlocks } = summary;
    const chosen = intervalSetOf(intervals, summary, CHOICE);
    if (chosen.length === 0) return undefined;
    const probes = session.analysis?.probes ?? [];
    if (replacement === 'probes' && probes.length === 0) throw needsAnalysis('Probes');
    return routeOf(numBlocks, chosen, replacement, probes);
  }

  return {
    startEngine: ({ wanted, threads }) => session.startEngine(wanted, threads),

    async verifyEngine() {
      void session.engine;
      let [maxAbsError, tolerance] = [0, Number.POSITIVE_INFINITY];
      for (const family of FAMILIES) {
        for (const spec of await family.goldens()) {
          const golden = goldenCase(spec);
          const transformer = await openTransformer(golden.config, golden.checkpoint);
          try {
            const output = await transformer.forward(golden.inputs);
            const errors = golden.expected.map((value, i) => Math.abs(value - (output[i] ?? Number.NaN)));
            maxAbsError = Math.max(maxAbsError, ...errors);
            tolerance = Math.min(tolerance, golden.tolerance);
          } finally {
            transformer.dispose();
          }
        }
      }
      return { maxAbsError, tolerance };
    },

    async openModel({ source }, { signal, onProgress }) {
      onProgress({ stage: 'read', done: 0, total: 1 });
      const model = await openModel(source, files);
      await session.setModel(model, signal);
      onProgress({ stage: 'read', done: 1, total: 1 });
      return model.summary;
    },

    async analyse({ calibration: request }, { signal, onProgress }) {
      const { summary } = session.model;
      const calibration = await calibrationFor(session.model, request, files);
      const { analysis } = await session.analyse(calibration, { signal, onProgress });
      const { name, fingerprint, family, numBlocks, seams } = summary;
      const { engine } = session;
      return {
        ...analysis,
        version: REPORT_VERSION,
        model: { name, fingerprint, family, numBlocks, ...(seams.length > 0 ? { seams } : {}) },
        engine: { name: engine.name, device: engine.device },
      };
    },

    async damage({ intervals }, { signal, onProgress }) {
      // Each is measured alone, so that they may overlap.
      for (const interval of intervals) intervalSetOf([interval], session.model.summary, CHOICE);
      if (!session.analysis) throw needsAnalysis('Damage');
      const transformer = await session.transformer();
      const measured = [];
      for (const interval of intervals) {
        const [damage] = await session.analysis.evaluate([interval], { signal, transformer });
        if (!damage) throw new ContiguaError('internal', 'The analysis returned no damage for an interval');
        measured.push(damage);
        onProgress({ stage: 'damage', done: measured.length, total: intervals.length, partial: damage });
      }
      return measured;
    },

    async measure({ intervals, replacement }, { signal, onProgress }) {
      const pruned = routeFor(intervals, replacement);
      const transformer = await session.transformer();
      const calibration =
        session.analysis?.calibration ?? (await calibrationFor(session.model, SMALL_CALIBRATION, files));
      const inputs = calibration.batches[0];
      if (!inputs) throw new ContiguaError('internal', 'The calibration holds no batch');
      return await measureForward(transformer, inputs, pruned, { signal, onProgress });
    },

    async forward({ inputs: source }) {
      const { config } = session.model;
      const inputs = await readForwardInputs(await openSource(source, files), config);
      const sample = await (await session.transformer()).forward(inputs);
      return { sample: new Float32Array(sample), shape: [inputs.batch, inputs.imageTokens, config.outputFeatures] };
    },

    async draw({ prompt, seed, steps, guidance, intervals, replacement }, { signal, onProgress }) {
      const { drawer, summary } = session.model;
      if (!drawer) {
        throw new ContiguaError('not-ready', `${summary.name} cannot draw here`, {
          expected: 'a model of the sample grammar, with its scheduler, vocabulary and text embeddings',
        });
      }
      const { words, scene } = parsePrompt(prompt);
      const route = routeFor(intervals, replacement);
      const startedAt = performance.now();
      const tokens = await samplePicture(await session.transformer(), {
        scheduler: drawer.scheduler,
        steps,
        guidance,
        seed,
        conditional: conditionFor(drawer.assets, words),
        unconditional: conditionFor(drawer.assets, []),
        imageShapes: [[1, drawer.gridSize, drawer.gridSize]],
        route,
        signal,
        onStep: (done, total) => onProgress({ stage: 'draw', done, total }),
      });
      const durationMs = performance.now() - startedAt;
      const pixels = unpackPicture(tokens);
      const side = Math.sqrt(pixels.length / 3);
      return {
        rgba: pictureRgba(pixels),
        width: side,
        height: side,
        facts: scene ? checkPicture(pixels, scene) : [],
        durationMs,
      };
    },

    // Loaded when first asked for: a page that only analyses needs no gradients.
    distil: async (input, context) => await (await training()).distil(input, context),
    fineTune: async (input, context) => await (await training()).fineTune(input, context),
    tryStudents: async (input, context) => await (await training()).tryStudents(input, context),
  };
}

/** Where intervals come from, in the words of an error about them. */
const CHOICE = 'the chosen intervals';

/** Enough for a timing where nothing has been analysed yet. */
const SMALL_CALIBRATION: CalibrationRequest = { kind: 'synthetic', samples: 2, timesteps: 1, seed: 0 };

async function calibrationFor(
  { config, drawer, summary }: OpenModel,
  request: CalibrationRequest,
  files: FileHost,
): Promise<Calibration> {
  switch (request.kind) {
    case 'file':
      return await fileCalibration(await openSource(request.file, files), config);
    case 'synthetic':
      return syntheticCalibration(config, request);
    case 'shapes':
      if (drawer) return shapesCalibration(drawer.assets, config, request);
      throw new ContiguaError('calibration-invalid', `${summary.name} is not a model of the sample grammar`, {
        hint: 'Calibrate with a file, or with synthetic inputs.',
      });
  }
}

function needsAnalysis(what: string): ContiguaError {
  return new ContiguaError('not-ready', `${what} come from an analysis, and none has been made of this model`, {
    hint: 'Run Analyse first.',
  });
}
