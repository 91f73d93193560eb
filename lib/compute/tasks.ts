/**
 * The dispatcher: one function per task of the protocol, each a few calls into lib/core. What lasts between calls is in
 * session.ts; how a host finds engines and files is handed in. Nothing else in the product calls the core for a worker.
 */
import { DEFAULT_RIDGE, editDamage } from '../core/analysis/index.ts';
import {
  type Calibration,
  fileCalibration,
  readForwardInputs,
  shapesCalibration,
  syntheticCalibration,
} from '../core/capture/index.ts';
import { fileDigits } from '../core/checkpoint/index.ts';
import { editKey, editSetOf } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import {
  FAMILIES,
  goldenCase,
  openTransformer,
  type Route,
  routeOf,
  sampleOf,
  squarePicture,
} from '../core/model/index.ts';
import { type EditDamage, REPORT_VERSION } from '../core/report/report.ts';
import { samplePicture } from '../core/sampling/index.ts';
import { checkPicture, parsePrompt, pictureRgba, unpackPicture } from '../core/shapes/index.ts';
import { conditionFor } from './drawing.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { type FileHost, openSource } from './folder/file-host.ts';
import { type OpenModel, openModel } from './folder/open-model.ts';
import { measureForward } from './measure.ts';
import type { CalibrationRequest, EditSource, ProbeSource } from './protocol.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import { Session } from './session.ts';

export interface TaskHost {
  readonly engines: EngineHost;
  readonly files: FileHost;
}

export function createTasks({ engines, files }: TaskHost): TaskRunner {
  const session = new Session(engines);
  const training = () => import('./distil.ts');
  const trainingTasks = async () => (await training()).createTrainingTasks(session, files, editedRoute);

  /** The probes of an analysis; fitting them anew is told as the stage `probes`. */
  async function probesOf({ calibration, ridge }: ProbeSource, { signal, onProgress }: CallContext<never>) {
    const key = await probesKey(calibration, ridge, files);
    return await session.probesOf(key, () => calibrationFor(session.model, calibration, files), {
      signal,
      ridge,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }

  /** What an analysis was measured on; where none is named, enough for a timing. */
  async function inputsOf(source: ProbeSource | null): Promise<Calibration> {
    if (!source) return await calibrationFor(session.model, SMALL_CALIBRATION, files);
    const key = await probesKey(source.calibration, source.ridge, files);
    const known = session.probes?.key === key ? session.probes.calibration : null;
    return known ?? (await calibrationFor(session.model, source.calibration, files));
  }

  async function probesAskedFor(source: ProbeSource | null, context: CallContext<never>) {
    if (source) return (await probesOf(source, context)).probes;
    throw new ContiguaError('not-ready', 'Probes come from an analysis, and none was named', {
      hint: 'Run Analyse first.',
    });
  }

  /** The model with edits in place; undefined is the whole model. Disposing the weights is the caller's. */
  async function editedRoute(
    edits: readonly EditSource[],
    source: ProbeSource | null,
    context: CallContext<never>,
  ): Promise<{ readonly route: Route | undefined; dispose(): void }> {
    const { summary } = session.model;
    const set = editSetOf(edits, summary, CHOICE);
    if (set.length === 0) return { route: undefined, dispose() {} };
    const probes = set.some(({ by }) => by === 'probes') ? await probesAskedFor(source, context) : [];
    const sources = edits.filter((edit) => edit.by === 'student');
    const students = sources.length > 0 ? await (await training()).openStudents(session.model, sources, files) : [];
    return {
      route: routeOf(summary.numBlocks, set, { probes, students }),
      dispose() {
        for (const { weights } of students) weights.dispose();
      },
    };
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
            const output = sampleOf(await transformer.forward(golden.inputs), golden.inputs, golden.config);
            const errors = golden.expected.map((value, i) => Math.abs(value - (output.values[i] ?? Number.NaN)));
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
      const key = await probesKey(request, DEFAULT_RIDGE, files);
      const { analysis } = await session.analyse(key, calibration, { signal, onProgress });
      const { name, fingerprint, className, family, numBlocks, streams, stacks, blocks } = summary;
      const { engine } = session;
      return {
        ...analysis,
        version: REPORT_VERSION,
        model: {
          name,
          fingerprint,
          className,
          family,
          numBlocks,
          streams,
          stacks: stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
          blocks: blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
        },
        engine: { name: engine.name, device: engine.device },
      };
    },

    async damage({ edits, probes }, context) {
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) {
        editSetOf([edit], session.model.summary, CHOICE);
        if (edit.by !== 'student') continue;
        throw new ContiguaError('plan-invalid', 'The damage of a student is measured with its file', {
          found: editKey(edit),
          expected: 'a run that is replaced by nothing or by its probes',
        });
      }
      const inputs = await probesOf(probes, context);
      const transformer = await session.transformer();
      const { signal, onProgress } = context;
      const measured: EditDamage[] = [];
      for (const edit of edits) {
        const [damage] = await editDamage(transformer, inputs, [edit], { signal });
        if (!damage) throw new ContiguaError('internal', 'No damage was measured for an edit');
        measured.push(damage);
        onProgress({ stage: 'damage', done: measured.length, total: edits.length, partial: damage });
      }
      return measured;
    },

    async measure({ edits, probes }, context) {
      const { route, dispose } = await editedRoute(edits, probes, context);
      try {
        const transformer = await session.transformer();
        const inputs = (await inputsOf(probes)).batches[0];
        if (!inputs) throw new ContiguaError('internal', 'The calibration holds no batch');
        return await measureForward(transformer, inputs, route, context);
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
      const { drawer, summary } = session.model;
      if (!drawer) {
        throw new ContiguaError('not-ready', `${summary.name} cannot draw here`, {
          expected: 'a model of the sample grammar, with its scheduler, vocabulary and text embeddings',
        });
      }
      const { words, scene } = parsePrompt(prompt);
      const { route, dispose } = await editedRoute(edits, probes, context);
      try {
        const startedAt = performance.now();
        const tokens = await samplePicture(await session.transformer(), {
          scheduler: drawer.scheduler,
          steps,
          guidance,
          seed,
          conditional: conditionFor(drawer.assets, words),
          unconditional: conditionFor(drawer.assets, []),
          imageShapes: squarePicture(drawer.gridSize),
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
      } finally {
        dispose();
      }
    },

    // Loaded when first asked for: a page that only analyses needs no gradients.
    distil: async (input, context) => await (await trainingTasks()).distil(input, context),
    fineTune: async (input, context) => await (await trainingTasks()).fineTune(input, context),
    tryEdits: async (input, context) => await (await trainingTasks()).tryEdits(input, context),
  };
}

/** Where edits come from, in the words of an error about them. */
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

/** Names an analysis by what its probes follow from: what the calibration holds, and the ridge. */
async function probesKey(request: CalibrationRequest, ridge: number, files: FileHost): Promise<string> {
  if (request.kind !== 'file') {
    const { kind, samples, timesteps, seed } = request;
    return JSON.stringify({ kind, samples, timesteps, seed, ridge });
  }
  const { blob } = await openSource(request.file, files);
  return JSON.stringify({ kind: 'file', digits: await fileDigits(blob), ridge });
}
