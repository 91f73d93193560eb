/**
 * The dispatcher: one function per task of the protocol, each a few calls into lib/core. What lasts between calls is in
 * session.ts; how a host finds engines and files is handed in. Nothing else in the product calls the core for a worker.
 */
import {
  choiceDamage,
  DEFAULT_RIDGE,
  editDamage,
  partDamage,
  probesOf as readProbes,
  reportOf,
} from '../core/analysis/index.ts';
import {
  type Calibration,
  type CalibrationRequest,
  calibrationFor,
  calibrationKey,
  readForwardInputs,
} from '../core/capture/index.ts';
import { type Edit, editKey, editSetOf, probedBlocks } from '../core/edit/index.ts';
import {
  drawerOf,
  drawHeldOut,
  drawPrompt,
  type EditedRoute,
  measureForward,
  openEdits,
} from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { openModel } from '../core/folder/open-model.ts';
import { sampleOf, selfCheck } from '../core/model/index.ts';
import type { EditDamage, PartDamage, SplitRule } from '../core/report/report.ts';
import { parsePrompt } from '../core/shapes/index.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { type FileHost, openFileOf, openFilesOf, openModelFolder, openSource } from './folder/file-host.ts';
import type { EditSource, ProbeSource } from './protocol.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import { Session } from './session.ts';

export interface TaskHost {
  readonly engines: EngineHost;
  readonly files: FileHost;
}

export function createTasks({ engines, files }: TaskHost): TaskRunner {
  const session = new Session(engines);
  const trainingTasks = async () => (await import('./distil.ts')).createTrainingTasks(session, files, editedRoute);

  /** What names an analysis, and how its calibration is made again. */
  async function analysisOf({ calibration, ridge, split }: ProbeSource) {
    const request = await openFileOf(calibration, files);
    return { key: await probesKey(request, ridge, split), calibration: () => calibrationFor(session.model, request) };
  }

  /** Fitting probes anew is told as the stage `probes`. */
  async function probesOf(source: ProbeSource, { signal, onProgress }: CallContext<never>) {
    const { key, calibration } = await analysisOf(source);
    return await session.probesOf(key, calibration, {
      signal,
      ridge: source.ridge,
      rule: source.split,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }

  /** What edits are measured on; probes are fitted where one of the edits needs them. */
  async function inputsFor(edits: readonly Edit[], source: ProbeSource, context: CallContext<never>) {
    if (edits.some(({ by }) => by === 'probes')) return await probesOf(source, context);
    const { key, calibration } = await analysisOf(source);
    return await session.inputsOf(key, calibration, source.split);
  }

  /** What an analysis was measured on; where none is named, enough for a timing. */
  async function calibrationOf(source: ProbeSource | null): Promise<Calibration> {
    if (!source) return await calibrationFor(session.model, SMALL_CALIBRATION);
    const { key, calibration } = await analysisOf(source);
    return await session.calibrationOf(key, calibration, source.split);
  }

  async function probesAskedFor(source: ProbeSource | null, edits: readonly Edit[], context: CallContext<never>) {
    if (source) return await readProbes((await probesOf(source, context)).probes, probedBlocks(edits));
    throw new ContiguaError('not-ready', 'Probes come from an analysis, and none was named', {
      hint: 'Run Analyse first.',
    });
  }

  async function editedRoute(
    edits: readonly EditSource[],
    probes: ProbeSource | null,
    context: CallContext<never>,
  ): Promise<EditedRoute> {
    const { model } = session;
    return await openEdits(model, await openFilesOf(edits, files), () => probesAskedFor(probes, edits, context));
  }

  return {
    startEngine: ({ wanted, threads }) => session.startEngine(wanted, threads),

    async verifyEngine() {
      void session.engine;
      return await selfCheck();
    },

    async openModel({ source }, { signal, onProgress }) {
      onProgress({ stage: 'read', done: 0, total: 1 });
      const model = await openModel(await openModelFolder(source, files));
      await session.setModel(model, signal);
      onProgress({ stage: 'read', done: 1, total: 1 });
      return model.summary;
    },

    async analyse({ calibration: request }, { signal, onProgress }) {
      const { model, engine } = session;
      const asked = await openFileOf(request, files);
      const calibration = await calibrationFor(model, asked);
      const key = await probesKey(asked, DEFAULT_RIDGE, 'prompt-groups');
      return reportOf(await session.analyse(key, calibration, { signal, onProgress }), model.summary, engine);
    },

    async damage({ edits, probes }, context) {
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) {
        editSetOf([edit], session.model.summary, 'the chosen intervals');
        if (edit.by === 'student') throw damageOfStudent(edit);
      }
      const inputs = await inputsFor(edits, probes, context);
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

    async parts({ parts, probes }, context) {
      const { numBlocks } = session.model.summary;
      for (const { block } of parts) {
        if (Number.isInteger(block) && block >= 0 && block < numBlocks) continue;
        throw new ContiguaError('plan-invalid', 'The model has no such block', {
          found: String(block),
          expected: `0 to ${numBlocks - 1}`,
        });
      }
      const inputs = await inputsFor([], probes, context);
      const transformer = await session.transformer();
      const { signal, onProgress } = context;
      const measured: PartDamage[] = [];
      for (const part of parts) {
        measured.push(...(await partDamage(transformer, inputs, [part], { signal })));
        onProgress({ stage: 'damage', done: measured.length, total: parts.length, partial: measured.at(-1)! });
      }
      return measured;
    },

    async choice({ edits, probes }, context) {
      const set = editSetOf(edits, session.model.summary, 'the chosen intervals');
      const student = set.find(({ by }) => by === 'student');
      if (student) throw damageOfStudent(student);
      const inputs = await inputsFor(set, probes, context);
      const { signal, onProgress } = context;
      return await choiceDamage(await session.transformer(), inputs, set, {
        signal,
        onProgress: (done, total) => onProgress({ stage: 'damage', done, total }),
      });
    },

    async facts({ edits, probes, ...asked }, context) {
      const drawer = drawerOf(session.model);
      const { route, dispose } = await editedRoute(edits, probes, context);
      const { signal, onProgress } = context;
      try {
        const transformer = await session.transformer();
        const { facts } = await drawHeldOut(transformer, drawer, { ...asked, route }, signal, (done, total) =>
          onProgress({ stage: 'draw', done, total }),
        );
        return facts;
      } finally {
        dispose();
      }
    },

    async measure({ edits, probes }, context) {
      const { route, dispose } = await editedRoute(edits, probes, context);
      try {
        const transformer = await session.transformer();
        const inputs = (await calibrationOf(probes)).batches[0];
        if (!inputs) throw new ContiguaError('internal', 'The calibration holds no batch');
        const { signal, onProgress } = context;
        return await measureForward(transformer, inputs, route, {
          signal,
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
      const { route, dispose } = await editedRoute(edits, probes, context);
      try {
        return await drawPrompt(await session.transformer(), drawer, parsed, {
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

    // Loaded when first asked for: a page that only analyses needs no gradients.
    distil: async (input, context) => await (await trainingTasks()).distil(input, context),
    fineTune: async (input, context) => await (await trainingTasks()).fineTune(input, context),
    tryEdits: async (input, context) => await (await trainingTasks()).tryEdits(input, context),
  };
}

function damageOfStudent(edit: Edit): ContiguaError {
  return new ContiguaError('plan-invalid', 'The damage of a student is measured with its file', {
    found: editKey(edit),
    expected: 'a run that is replaced by nothing or by its probes',
  });
}

/** Enough for a timing where nothing has been analysed yet. */
const SMALL_CALIBRATION: CalibrationRequest = { kind: 'synthetic', samples: 2, timesteps: 1, seed: 0 };

/** Names an analysis by what its probes follow from: what the calibration holds, the ridge and the split. */
async function probesKey(request: CalibrationRequest, ridge: number, split: SplitRule): Promise<string> {
  return `${await calibrationKey(request)} ridge ${ridge} split ${split}`;
}
