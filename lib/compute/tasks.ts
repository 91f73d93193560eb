/**
 * The dispatcher: one function per task of the protocol, each a few calls into lib/core. What lasts between calls is in
 * session.ts; how a host finds engines and files is handed in. Nothing else in the product calls the core for a worker.
 */
import {
  analyseStates,
  choiceDamage,
  DAMAGE_SAMPLES,
  DEFAULT_RIDGE,
  estimateAnalysis,
  type MemoryMeter,
  reportOf,
  storedDamage,
  storedParts,
  tracedStates,
} from '../core/analysis/index.ts';
import {
  type Calibration,
  type CalibrationRequest,
  calibrationFor,
  calibrationKey,
  defaultTokens,
  readForwardInputs,
  sampleTokens,
} from '../core/capture/index.ts';
import { storedBytes } from '../core/checkpoint/inventory.ts';
import {
  type EditSet,
  editKey,
  editSetOf,
  type ModulationEdit,
  mappedRuns,
  type RunEdit,
  runSetOf,
  runsOf,
} from '../core/edit/index.ts';
import {
  drawerOf,
  drawHeldOut,
  drawPrompt,
  type EditedRoute,
  measureForward,
  openEdits,
  openParts,
  storeTrainedMaps,
  studentsKey,
} from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { type OpenModel, openModel } from '../core/folder/open-model.ts';
import { type BlockInterval, formatIntervalKey, intervalSetOf } from '../core/interval/index.ts';
import {
  architectureOf,
  type EditParts,
  editableModel,
  type FittedMapOf,
  narrowBlocks,
  type StreamProbes,
  sampleOf,
  selfCheck,
  type Transformer,
  type WeightSet,
} from '../core/model/index.ts';
import type { SplitRule } from '../core/report/report.ts';
import { parsePrompt } from '../core/shapes/index.ts';
import { memoryStates } from '../core/states/index.ts';
import type { EngineName, EngineReport } from '../core/tensor/index.ts';
import { openTrace, traceIn, traceSummary } from '../core/trace/index.ts';
import { mapFileParts, mapsOnEngine, measureWidth } from '../core/width/index.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { type FileHost, openFileOf, openFilesOf, openModelFolder, openSource, urlIn } from './folder/file-host.ts';
import type { AnalysisRequest, EditSource, EngineLimits, FittingPlace, ProbeSource } from './protocol.ts';
import { checkSameWeights } from './same-weights.ts';
import type { CallContext, TaskRunner } from './serve.ts';
import { type AnalysisSource, Session } from './session.ts';
import { waysAtOnce } from './ways.ts';

export interface TaskHost {
  readonly engines: EngineHost;
  readonly files: FileHost;
  /** Of the process, with this engine; null where it cannot tell. */
  readonly memory?: (engine: EngineName) => MemoryMeter | null;
}

export function createTasks({ engines, files, memory = () => null }: TaskHost): TaskRunner {
  const session = new Session(engines);
  const trainingTasks = async () => (await import('./distil.ts')).createTrainingTasks(session, files, editedRoute);

  /** What names an analysis, and how its calibration is made again. */
  async function analysisOf({
    calibration,
    ridge,
    split,
    tokens,
    damageSamples,
  }: ProbeSource): Promise<AnalysisSource> {
    const request = await openFileOf(calibration, files);
    return {
      key: await probesKey(request, ridge, split, tokens, damageSamples),
      calibration: async () => sampleTokens(await calibrationFor(session.model, request), tokens ?? null),
      rule: split,
      damageSamples,
    };
  }

  /** The calibration that was asked for, its tokens sampled, and what names the analysis. */
  async function sampledCalibration({ calibration: source, tokens: asked, damage }: Omit<AnalysisRequest, 'states'>) {
    const { model } = session;
    // Each is measured alone, so that they may overlap.
    if (typeof damage?.intervals === 'object') {
      for (const interval of damage.intervals) intervalSetOf([interval], model.summary, 'the intervals to measure');
    }
    const request = await openFileOf(source, files);
    const tokens = asked === 'all' ? null : (asked ?? defaultTokens(model.config.width));
    return {
      calibration: sampleTokens(await calibrationFor(model, request), tokens),
      key: await probesKey(request, DEFAULT_RIDGE, 'prompt-groups', tokens ?? undefined, damage?.samples),
      // More samples or intervals may be measured later on what is stored.
      storedAs: await probesKey(request, DEFAULT_RIDGE, 'prompt-groups', tokens ?? undefined),
    };
  }

  /** Fitting maps anew is told as the stage `probes`. */
  async function mapsOf(
    runs: readonly BlockInterval[],
    source: ProbeSource,
    { signal, onProgress }: CallContext<never>,
    limits?: EngineLimits,
  ) {
    return await session.mapsOf(await analysisOf(source), runs, {
      signal,
      ridge: source.ridge,
      engineBytes: limits?.engineBytes,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }

  /** What edits are measured on; maps are fitted where one of the edits needs them. */
  async function inputsFor(
    edits: readonly RunEdit[],
    source: ProbeSource,
    context: CallContext<never>,
    limits?: EngineLimits,
  ) {
    return await mapsOf(mappedRuns(edits), source, context, limits);
  }

  /** Where it is not named, what is fitted stays where it is. */
  async function fitIn({ states }: FittingPlace): Promise<void> {
    if (!states) return;
    const { model, engine } = session;
    const open = () => files.openStates(states.url, states.sizeBytes, storeKey('fitted', model, engine));
    await session.fitIn({ url: states.url, open });
  }

  /** What an analysis was measured on; where none is named, enough for a timing. */
  async function calibrationOf(source: ProbeSource | null): Promise<Calibration> {
    if (!source) return await calibrationFor(session.model, SMALL_CALIBRATION);
    return await session.calibrationOf(await analysisOf(source));
  }

  async function mapsAskedFor(
    source: ProbeSource | null,
    runs: readonly BlockInterval[],
    context: CallContext<never>,
    limits?: EngineLimits,
  ): Promise<FittedMapOf> {
    if (source) {
      const { maps } = await mapsOf(runs, source, context, limits);
      const found = new Map<string, StreamProbes>();
      for (const run of runs) found.set(formatIntervalKey(run), await maps.across(run));
      return (run) => found.get(formatIntervalKey(run));
    }
    throw mapsNeedAnAnalysis();
  }

  async function editedRoute(
    edits: readonly EditSource[],
    probes: ProbeSource | null,
    context: CallContext<never>,
  ): Promise<EditedRoute> {
    const { model } = session;
    const opened = await openFilesOf(edits, files);
    return await openEdits(
      model,
      opened,
      (runs) => mapsAskedFor(probes, runs, context),
      async (set, parts) => {
        const maps =
          (await trainedMaps(opened, set)) ??
          (await widthAskedFor(probes, set, parts, await studentsIn(opened), context)).maps;
        const sets = new Map<number, WeightSet>();
        try {
          for (const block of narrowBlocks(architectureOf(model.config), set).values()) {
            if (block.maps.length > 0) sets.set(block.index, await mapsOnEngine(maps, block.index, block.maps));
          }
        } catch (thrown) {
          for (const held of sets.values()) held.dispose();
          throw thrown;
        }
        return sets;
      },
    );
  }

  /** The maps of files, where the edits have some: then all of them do. */
  async function trainedMaps(opened: Awaited<ReturnType<typeof openFilesOf<EditSource>>>, set: EditSet) {
    const edits = opened.flatMap((edit) => (edit.on !== 'run' && 'file' in edit ? [edit] : []));
    if (edits.length === 0) return null;
    const maps = { store: memoryStates(), owner: 'trained' };
    await storeTrainedMaps(session.model, edits, set, maps);
    return maps;
  }

  /** Of runs that are replaced by fitted maps. */
  async function partsOf(
    runs: readonly BlockInterval[],
    source: ProbeSource,
    context: CallContext<never>,
    limits?: EngineLimits,
  ): Promise<EditParts> {
    return runs.length > 0 ? { maps: await mapsAskedFor(source, runs, context, limits) } : {};
  }

  /** Fitting is told as the stage `probes`. */
  async function widthAskedFor(
    source: ProbeSource | null,
    set: EditSet,
    parts: EditParts,
    students: string,
    { signal, onProgress }: CallContext<never>,
    limits?: EngineLimits,
  ) {
    if (!source) throw mapsNeedAnAnalysis();
    return await session.widthOf(await analysisOf(source), set, students, {
      parts,
      engineBytes: limits?.engineBytes,
      ridge: source.ridge,
      signal,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }

  /** The model whose blocks share these modulations; as it is without any. */
  async function transformerSharing(
    edits: readonly ModulationEdit[],
    context: CallContext<never>,
  ): Promise<Transformer> {
    if (edits.length === 0) return await session.transformer();
    const { openSharing } = await import('./modulations.ts');
    const key = edits.map(editKey).join(' ');
    return await session.sharingTransformer(
      key,
      async (whole) => await openSharing(session.model, whole, edits, context),
    );
  }

  /** What draws or is timed: a route through the open model, or through the one whose blocks share their modulation. */
  async function editedModel(
    edits: readonly (EditSource | ModulationEdit)[],
    probes: ProbeSource | null,
    context: CallContext<never>,
  ): Promise<EditedRoute & { readonly transformer: Transformer }> {
    const set = editSetOf(edits, editableModel(session.model.config), 'the chosen edits');
    const transformer = await transformerSharing(modulationsAmong(set), context);
    const others = edits.filter((edit) => edit.on !== 'modulation');
    return { ...(await editedRoute(others, probes, context)), transformer };
  }

  async function studentsIn(edits: Awaited<ReturnType<typeof openFilesOf<EditSource>>>): Promise<string> {
    return await studentsKey(edits.flatMap((edit) => ('file' in edit && edit.on === 'run' ? [edit] : [])));
  }

  return {
    startEngine: ({ wanted, threads }) => session.startEngine(wanted, threads),

    async verifyEngine() {
      void session.engine;
      return await selfCheck();
    },

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
      const model = await openModel(folder);
      await session.setModel(model, signal);
      onProgress({ stage: 'read', done: 1, total: 1 });
      return model.summary;
    },

    async analyse({ limits = {}, states, ...asked }, { signal, onProgress }) {
      const { model, engine } = session;
      const { calibration, key, storedAs } = await sampledCalibration(asked);
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

    async estimateAnalysis({ memoryBytes, states, ...asked }, { signal }) {
      const { calibration } = await sampledCalibration(asked);
      const { damage } = asked;
      session.releaseSharing();
      const inFiles = states !== undefined;
      return await estimateAnalysis(await session.transformer(), calibration, {
        blockBytes: blockBytesOf(session.model),
        signal,
        memoryBytes,
        inFiles,
        damage,
        meter: memory(session.engine.name),
      });
    },

    async capture({ calibration, ...asked }, context) {
      const { captureTrace } = await import('./capture.ts');
      const { model, engine } = session;
      const request = { ...asked, calibration: await openFileOf(calibration, files) };
      return await captureTrace(model, await session.transformer(), request, files, engine.name, context);
    },

    async analyseTrace({ states }, { signal, onProgress }) {
      const { engine, trace: open } = session;
      const key = storeKey(`trace ${open.summary.trace?.digits}`, open, engine);
      const store = states && (await files.openStates(states.url, states.sizeBytes, key));
      try {
        const analysed = await analyseStates(tracedStates(open.trace), { signal, onProgress, store });
        return reportOf(analysed, open.summary, null);
      } finally {
        await store?.dispose();
      }
    },

    async damage({ edits, probes, limits }, context) {
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) {
        runSetOf([edit], session.model.summary, 'the chosen intervals');
        if (edit.by === 'student') throw damageOfStudent(edit);
      }
      const inputs = await inputsFor(edits, probes, context);
      const transformer = await session.transformer();
      const { signal, onProgress } = context;
      let done = 0;
      const measured = await storedDamage(transformer, inputs, edits, session.storeOf(inputs), {
        signal,
        waysAtOnce: waysAtOnce(session.model.summary.sizeBytes, inputs, transformer, limits),
        onMeasured(index, damage) {
          onProgress({
            stage: 'damage',
            done: ++done,
            total: edits.length,
            partial: { edit: edits[index]!, ...damage },
          });
        },
      });
      return edits.map((edit, i) => ({ edit, ...measured[i]! }));
    },

    async parts({ parts, probes, limits }, context) {
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
      let done = 0;
      const measured = await storedParts(transformer, inputs, parts, session.storeOf(inputs), {
        signal,
        waysAtOnce: waysAtOnce(session.model.summary.sizeBytes, inputs, transformer, limits),
        onMeasured(index, damage) {
          onProgress({ stage: 'damage', done: ++done, total: parts.length, partial: { ...parts[index]!, ...damage } });
        },
      });
      return parts.map((part, i) => ({ ...part, ...measured[i]! }));
    },

    async modulations({ requests, calibration }, context) {
      const { findModulations } = await import('./modulations.ts');
      const request = calibration && (await openFileOf(calibration, files));
      return await findModulations(session.model, await session.transformer(), requests, request, context);
    },

    async width({ edits, probes, states, limits }, { signal, onProgress }) {
      const { model, engine } = session;
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) editSetOf([edit], editableModel(model.config), 'the edits to measure');
      const source = await analysisOf(probes);
      const inputs = await session.inputsOf(source);
      session.releaseSharing();
      const transformer = await session.transformer();
      const key = storeKey(`width of ${source.key}`, model, engine);
      const sizeBytes = session.roomBeside(states?.sizeBytes ?? 0);
      const store = states && (await files.openStates(states.url, sizeBytes, key));
      try {
        if (store) await checkSameWeights(store, model);
        return await measureWidth(transformer, inputs.calibration, inputs, edits, {
          signal,
          ridge: probes.ridge,
          rule: probes.split,
          waysAtOnce: waysAtOnce(session.model.summary.sizeBytes, inputs, transformer, limits),
          ...(store ? { store, lasts: true, mapBytes: MAPS_SHARE * sizeBytes } : {}),
          engineBytes: limits?.engineBytes,
          onFitted: (done, total) => onProgress({ stage: 'probes', done, total }),
          onMeasured: (partial, done) => onProgress({ stage: 'damage', done, total: edits.length, partial }),
        });
      } finally {
        await store?.dispose();
      }
    },

    async choice({ edits, probes, limits, ...place }, context) {
      const { config } = session.model;
      await fitIn(place);
      const set = editSetOf(edits, editableModel(config), 'the chosen edits');
      const student = runsOf(set).find(({ by }) => by === 'student');
      if (student) throw damageOfStudent(student);
      const shared = modulationsAmong(set);
      // As in an export, linear maps are fitted on states that shared modulations have not changed.
      const others = set.filter(({ on }) => on !== 'modulation');
      const narrow = narrowBlocks(architectureOf(config), others);
      const maps =
        narrow.size > 0
          ? await widthAskedFor(
              probes,
              others,
              await partsOf(mappedRuns(set), probes, context, limits),
              '',
              context,
              limits,
            )
          : null;
      const inputs = await inputsFor(runsOf(set), probes, context, limits);
      const { signal, onProgress } = context;
      return await choiceDamage(
        await transformerSharing(shared, context),
        inputs,
        others,
        { signal, onProgress: (done, total) => onProgress({ stage: 'damage', done, total }) },
        async (block) => await mapsOnEngine(maps!.maps, block, narrow.get(block)!.maps),
        await session.transformer(),
      );
    },

    async fitWidth({ edits, probes, saveTo, limits, ...place }, context) {
      const { model } = session;
      await fitIn(place);
      const opened = await openFilesOf(edits, files);
      const set = editSetOf(opened, editableModel(model.config), 'the chosen edits');
      const { parts, dispose } = await openParts(model, opened, set, (runs) =>
        mapsAskedFor(probes, runs, context, limits),
      );
      try {
        const students = await studentsIn(opened);
        const { maps, fitted } = await widthAskedFor(probes, set, parts, students, context, limits);
        const { fingerprint, family, width } = model.summary;
        return {
          maps: await files.saveFile(
            urlIn(saveTo, MAPS_FILE),
            mapFileParts(maps, fitted, { fingerprint, family, width }),
          ),
          fitted,
        };
      } finally {
        dispose();
      }
    },

    async facts({ edits, probes, ...asked }, context) {
      const drawer = drawerOf(session.model);
      const { transformer, route, dispose } = await editedModel(edits, probes, context);
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
      const { transformer: edited, route, dispose } = await editedModel(edits, probes, context);
      try {
        const transformer = await session.transformer();
        const inputs = (await calibrationOf(probes)).batches[0];
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
      const { transformer, route, dispose } = await editedModel(edits, probes, context);
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

    // Loaded when first asked for: a page that only analyses needs no gradients.
    distil: async (input, context) => await (await trainingTasks()).distil(input, context),
    trainMaps: async (input, context) => await (await trainingTasks()).trainMaps(input, context),
    trainModulations: async (input, context) => await (await trainingTasks()).trainModulations(input, context),
    fineTune: async (input, context) => await (await trainingTasks()).fineTune(input, context),
    tryEdits: async (input, context) => await (await trainingTasks()).tryEdits(input, context),
  };
}

/** Throws `plan-invalid` for a table: it is exact at its own timesteps and takes no others, which samples and drawings have. */
function modulationsAmong(edits: EditSet): ModulationEdit[] {
  const shared = edits.filter((edit) => edit.on === 'modulation');
  const table = shared.find(({ by }) => 'table' in by);
  if (!table) return shared;
  throw new ContiguaError(
    'plan-invalid',
    'A table of modulations takes no timesteps but its own, so that it is not measured',
    {
      found: editKey(table),
      expected: 'modulations shared by rank',
    },
  );
}

function mapsNeedAnAnalysis(): ContiguaError {
  return new ContiguaError('not-ready', 'Probes come from an analysis, and none was named', {
    hint: 'Run Analyse first.',
  });
}

function damageOfStudent(edit: RunEdit): ContiguaError {
  return new ContiguaError('plan-invalid', 'The damage of a student is measured with its file', {
    found: editKey(edit),
    expected: 'a run that is replaced by nothing, its probes or a linear map',
  });
}

const MAPS_FILE = 'maps.safetensors';

/** Of the room that an analysis leaves for states: linear maps that wait to be measured. The states of one pass need the rest. */
const MAPS_SHARE = 0.5;

/** Enough for a timing where nothing has been analysed yet. */
const SMALL_CALIBRATION: CalibrationRequest = { kind: 'synthetic', samples: 2, timesteps: 1, seed: 0 };

/** Names an analysis by what its probes follow from: what the calibration holds, the tokens read, the ridge and the split. */
async function probesKey(
  request: CalibrationRequest,
  ridge: number,
  split: SplitRule,
  tokens?: number,
  damageSamples: number = DAMAGE_SAMPLES,
): Promise<string> {
  const sampled = tokens === undefined ? '' : ` tokens ${tokens}`;
  const measured = damageSamples === DAMAGE_SAMPLES ? '' : ` damage samples ${damageSamples}`;
  return `${await calibrationKey(request)} ridge ${ridge} split ${split}${sampled}${measured}`;
}

/** As they are stored. */
function blockBytesOf({ checkpoint, config }: OpenModel): number {
  return architectureOf(config).blocks.reduce((sum, { prefix, tensors }) => {
    const infos = tensors.flatMap(({ name }) => checkpoint.tensors.get(`${prefix}${name}`) ?? []);
    return sum + infos.reduce((bytes, info) => bytes + storedBytes(info), 0);
  }, 0);
}

/** Changes whenever what is stored would mean something else. */
const STATES_VERSION = 2;

/** Names what is stored of an analysis: engines differ in their last digits. */
function storeKey(key: string, { summary }: Pick<OpenModel, 'summary'>, { name, device }: EngineReport): string {
  return JSON.stringify([STATES_VERSION, summary.fingerprint, key, name, device]);
}
