/**
 * What one worker holds between calls: the engine, the model, its transformer on that engine, and the fitted maps of the last analysis.
 * Replacing one part lets go of what was built on it; a failed replacement leaves the old part as it was.
 */
import {
  type Analysed,
  analyse,
  type DamageInputs,
  damageInputsOf,
  type FitMapsOptions,
  fittedMaps,
  putRunMap,
  storedRunMaps,
} from '../core/analysis/index.ts';
import { type Calibration, passBytes } from '../core/capture/index.ts';
import { type EditSet, editKey, probedRun } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { withoutWeights } from '../core/folder/config-alone.ts';
import type { ModelSummary } from '../core/folder/model-summary.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { type BlockInterval, formatIntervalKey } from '../core/interval/index.ts';
import {
  checkWeights,
  type EditParts,
  type KeptCheck,
  openTransformer,
  type Transformer,
} from '../core/model/index.ts';
import type { SplitRule } from '../core/report/report.ts';
import type { StateStore } from '../core/states/index.ts';
import type { EngineReport, WantedEngine } from '../core/tensor/index.ts';
import type { Trace } from '../core/trace/index.ts';
import { type FittedWidthEdit, fitWidth, type MapStore, removeMap } from '../core/width/index.ts';
import type { EngineHost } from './engines/engine-host.ts';
import { FittingRoom, type RoomPlace } from './fitting-room.ts';

/**
 * What further measurements of one analysis of the open model are made on, and its fitted maps: none until something needs them.
 * Numbers alone: they outlive a change of engine.
 */
export interface KnownInputs extends DamageInputs {
  /** Tells apart analyses: inputs and settings. */
  readonly key: string;
  /** Keys of runs whose maps are at hand: null where all are, as the states of the analysis are in its store. */
  readonly fitted: ReadonlySet<string> | null;
  readonly calibration: Calibration;
}

/** What an analysis was made of. */
export interface AnalysisSource {
  readonly key: string;
  readonly calibration: () => Promise<Calibration>;
  readonly rule: SplitRule;
  readonly damageSamples?: number | undefined;
}

/** The linear maps of one choice of narrower blocks, with what they reach on held-out samples. */
export interface FittedWidth {
  /** Tells apart choices: analysis, edits and students. */
  readonly key: string;
  readonly maps: MapStore;
  readonly fitted: readonly FittedWidthEdit[];
}

export interface OpenTrace {
  readonly trace: Trace;
  readonly summary: ModelSummary;
}

/** Checkpoints up to this size are read whole when they are opened. */
export const READ_WHOLE_BYTES = 128 * 2 ** 20;

/** One of them. */
interface Replacement {
  readonly opened?: OpenModel | null;
  readonly traced?: OpenTrace | null;
  readonly bare?: ModelSummary | null;
}

export class Session {
  private report: EngineReport | null = null;
  private opened: OpenModel | null = null;
  private traced: OpenTrace | null = null;
  private bare: ModelSummary | null = null;
  private running: Transformer | null = null;
  /** The model with modulations that its blocks share, of the last choice that had some. */
  private sharing: { readonly key: string; readonly transformer: Transformer } | null = null;
  private known: KnownInputs | null = null;
  private store: StateStore | null = null;
  private width: FittedWidth | null = null;
  private readonly room = new FittingRoom();

  constructor(private readonly engines: EngineHost) {}

  /** Tensors live on one engine: they go with it, and the transformer is opened anew when it is next needed. */
  async startEngine(wanted: WantedEngine, threads?: number): Promise<EngineReport> {
    this.report = await this.engines.start(wanted, threads, () => {
      this.release();
      this.report = null;
    });
    return this.report;
  }

  /** What the golden cases give on the engine in use. Throws `engine-lost` and `not-ready`. */
  async checkEngine(again?: boolean): Promise<KeptCheck> {
    void this.engine;
    return await this.engines.check(again);
  }

  get engine(): EngineReport {
    if (this.engines.isLost()) {
      throw new ContiguaError('engine-lost', 'The engine was lost', { hint: 'Start an engine again to go on.' });
    }
    if (!this.report) {
      throw new ContiguaError('not-ready', 'No engine is running', { hint: 'Start an engine first.' });
    }
    return this.report;
  }

  /**
   * Every weight is checked while the old model is still there: presence, dtype and shape always, by the headers; values too
   * where reading all of them takes a moment. Of larger models, which may lie on a server, no weight is read before one is
   * needed, and its values are checked then.
   */
  async setModel(model: OpenModel, signal: AbortSignal): Promise<void> {
    const transformer = model.summary.sizeBytes <= READ_WHOLE_BYTES ? await this.readWhole(model) : null;
    if (!transformer) {
      void this.engine;
      checkWeights(model.checkpoint, model.config);
    }
    if (signal.aborted) {
      // Who was told that the call was stopped goes on with the old model.
      transformer?.dispose();
      throw new ContiguaError('cancelled', 'Stopped');
    }
    await this.replaceBy({ opened: model });
    this.running = transformer;
  }

  /** In place of a model. */
  async setTrace(traced: OpenTrace): Promise<void> {
    await this.replaceBy({ traced });
  }

  /** In place of a model: one of which config.json alone is here. */
  async setConfigAlone(summary: ModelSummary): Promise<void> {
    await this.replaceBy({ bare: summary });
  }

  /** Lets go of what was open and of what was made of it. */
  private async replaceBy({ opened = null, traced = null, bare = null }: Replacement): Promise<void> {
    this.release();
    await this.closeStore();
    await this.forgetFitted();
    this.opened = opened;
    this.traced = traced;
    this.bare = bare;
  }

  get trace(): OpenTrace {
    if (!this.traced) throw new ContiguaError('not-ready', 'No trace is open', { hint: 'Open a trace first.' });
    return this.traced;
  }

  get model(): OpenModel {
    if (this.opened) return this.opened;
    if (this.traced) {
      throw new ContiguaError('not-ready', 'A trace holds no weights, and this request needs them', {
        file: this.traced.trace.file,
        hint: `Open ${this.traced.summary.name} itself.`,
      });
    }
    if (this.bare) throw withoutWeights(this.bare.name, 'This request');
    throw new ContiguaError('not-ready', 'No model is open', { hint: 'Open a model first.' });
  }

  async transformer(): Promise<Transformer> {
    void this.engine; // throws where none runs, or where it was lost
    this.running ??= await this.open(this.model);
    return this.running;
  }

  /** The model with modulations shared, as `open` makes it; that of the last such choice is kept. */
  async sharingTransformer(key: string, open: (whole: Transformer) => Promise<Transformer>): Promise<Transformer> {
    const whole = await this.transformer();
    if (this.sharing?.key !== key) {
      this.releaseSharing();
      this.sharing = { key, transformer: await open(whole) };
    }
    return this.sharing.transformer;
  }

  /** The maps of the last analysis are read from its store: it stays open until the next. */
  async analyse(
    key: string,
    calibration: Calibration,
    options: Parameters<typeof analyse>[2],
    openStore: (() => Promise<StateStore>) | undefined,
  ): Promise<Analysed> {
    await this.closeStore();
    await this.forgetFitted();
    this.releaseSharing();
    const store = await openStore?.();
    let analysed: Analysed;
    try {
      analysed = await analyse(await this.transformer(), calibration, { ...options, store });
    } catch (thrown) {
      await store?.dispose();
      throw thrown;
    }
    this.store = store ?? null;
    this.known = {
      key,
      calibration,
      fitted: null,
      ...damageInputsOf(calibration, analysed.maps, 'prompt-groups', options?.damage?.samples),
    };
    return analysed;
  }

  /** Where further measurements of the analysis are kept that these inputs are of: its store, if it is open and in files. */
  storeOf(inputs: KnownInputs): StateStore | null {
    return inputs === this.known && inputs.fitted === null ? this.store : null;
  }

  /** What the states of the last analysis leave of a folder's room, where they are in files. */
  roomBeside(sizeBytes: number): number {
    return Math.max(0, sizeBytes - (this.store?.usage.storedBytes ?? 0));
  }

  /** Maps are not read from it any more: they are fitted again where something needs them. */
  private async closeStore(): Promise<void> {
    if (!this.store) return;
    this.known = null;
    await this.store.dispose();
    this.store = null;
  }

  /** What is fitted from here on waits there, and the states that it is fitted on. */
  async fitIn(place: RoomPlace): Promise<void> {
    if (!(await this.room.moveTo(place))) return;
    this.width = null;
    if (this.known?.fitted) this.known = null;
  }

  private async forgetFitted(): Promise<void> {
    this.width = null;
    this.known = null;
    await this.room.clear();
  }

  /** The calibration of the analysis that `key` names, made where it is not the one at hand. */
  async calibrationOf(source: AnalysisSource): Promise<Calibration> {
    return (await this.inputsOf(source)).calibration;
  }

  /** What the analysis that `key` names was measured on; its maps are those at hand, if any. */
  async inputsOf({ key, calibration, rule, damageSamples }: AnalysisSource): Promise<KnownInputs> {
    if (this.known?.key === key) return this.known;
    const inputs = await calibration();
    await this.forgetFitted();
    this.known = { key, calibration: inputs, fitted: new Set(), ...damageInputsOf(inputs, [], rule, damageSamples) };
    return this.known;
  }

  /** With the analysis's maps across `runs`, fitted anew from its calibration where they are not at hand. */
  async mapsOf(
    source: AnalysisSource,
    runs: readonly BlockInterval[],
    options: Pick<FitMapsOptions, 'signal' | 'ridge' | 'engineBytes' | 'onBlock'>,
  ): Promise<KnownInputs> {
    const inputs = await this.inputsOf(source);
    const { fitted: known } = inputs;
    if (!known) return inputs;
    const missing = runs.filter((run) => !known.has(formatIntervalKey(run)));
    if (missing.length === 0) return inputs;
    const transformer = await this.transformer();
    const { store } = this.room;
    // A pass through the model costs more than its probes: who needs one may need the others.
    const probes = missing.some(({ first, last }) => last === first + 1)
      ? transformer.architecture.blocks.map(({ index }) => probedRun(index))
      : [];
    const wanted = new Map([...missing, ...probes].map((run) => [formatIntervalKey(run), run]));
    const fitting = { ...options, store, rule: source.rule, runs: [...wanted.values()] };
    for await (const { run, map } of fittedMaps(transformer, inputs.calibration, fitting)) {
      await putRunMap(store, run, map);
    }
    const fitted = new Set([...known, ...wanted.keys()]);
    this.known = { ...inputs, maps: storedRunMaps(store, transformer.architecture), fitted };
    return this.known;
  }

  /**
   * Maps of narrower blocks, fitted on the states of the model as it is edited (`fitWidth`): those of the last choice, or anew.
   * `students` tells apart the files of students among the edits.
   */
  async widthOf(
    source: AnalysisSource,
    edits: EditSet,
    students: string,
    {
      engineBytes = Number.POSITIVE_INFINITY,
      ...options
    }: {
      readonly parts: EditParts;
      readonly ridge: number;
      readonly engineBytes?: number | undefined;
    } & Pick<Parameters<typeof fitWidth>[3], 'signal' | 'onBlock'>,
  ): Promise<FittedWidth> {
    const key = JSON.stringify([source.key, edits.map(editKey), students]);
    if (this.width?.key === key) return this.width;
    const { calibration } = await this.inputsOf(source);
    const transformer = await this.transformer();
    const { architecture, config } = transformer;
    const maps = { store: this.room.store, owner: 'choice' };
    for (const { block, name } of this.width?.fitted.flatMap((of) => of.maps) ?? []) await removeMap(maps, block, name);
    this.width = null;
    const spills = passBytes(calibration, architecture.streams, config.width) > engineBytes;
    try {
      const fitting = { ...options, ...maps, spills, rule: source.rule };
      const fitted = await fitWidth(transformer, calibration, edits, fitting);
      this.width = { key, maps, fitted };
      return this.width;
    } catch (thrown) {
      if (this.known?.fitted) this.known = null;
      await this.room.clear().catch(() => undefined); // the first failure is the one to tell
      throw thrown;
    }
  }

  private async open({ config, checkpoint }: OpenModel): Promise<Transformer> {
    void this.engine;
    return await openTransformer(config, checkpoint);
  }

  private async readWhole(model: OpenModel): Promise<Transformer> {
    const transformer = await this.open(model);
    try {
      for (let block = 0; block < model.config.numBlocks; block++) await transformer.loadBlock(block);
    } catch (thrown) {
      transformer.dispose();
      throw thrown;
    }
    return transformer;
  }

  private release(): void {
    this.releaseSharing();
    const transformer = this.running;
    this.running = null;
    this.dispose(transformer);
  }

  /** A second model on the engine would take the memory of what needs the whole one alone. It is opened again when a choice needs it. */
  releaseSharing(): void {
    const sharing = this.sharing;
    this.sharing = null;
    this.dispose(sharing?.transformer ?? null);
  }

  private dispose(transformer: Transformer | null): void {
    try {
      transformer?.dispose();
    } catch (thrown) {
      // A lost device throws at whatever touches it, its own release included.
      if (!this.engines.isLost()) throw thrown;
    }
  }
}
