/**
 * A sample model on the engine of this process, for measurements: students that are trained once, the output error of any
 * route, and pictures beside the whole model's. Results are remembered in the folder's ledger, students in files beside it.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { shapesInputs } from '../lib/core/capture/index.ts';
import type { NamedBlob } from '../lib/core/checkpoint/index.ts';
import { batchesFor, distilInterval, type TrainingBatches } from '../lib/core/distil/index.ts';
import { type RunEdit, runEdit } from '../lib/core/edit/index.ts';
import {
  disposeStudents,
  drawHeldOut,
  type EditWithFile,
  openEdits,
  openStudents,
  routeBefore,
  type StudentEdit,
  studentsKey,
} from '../lib/core/edited-model/index.ts';
import { type OpenModel, openModel } from '../lib/core/folder/open-model.ts';
import { type BlockInterval, formatIntervalKey, formatIntervalKeys } from '../lib/core/interval/index.ts';
import {
  openTransformer,
  type Route,
  routeOf,
  type Transformer,
  type TransformerInputs,
} from '../lib/core/model/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { relativeError, type SampleError, sampleErrors } from '../lib/core/relative-error.ts';
import type { Baselines, DistilSettings, FineTuneSettings, HeldOutPoint, NoiseLevels } from '../lib/core/run/index.ts';
import { DRAWING } from '../lib/core/shapes/index.ts';
import type { EngineReport, WantedEngine } from '../lib/core/tensor/engine.ts';
import { Ledger } from './ledger.ts';

export interface SampleOptions {
  /** Folder of the model. */
  readonly model: string;
  /** Where results, students and cached states are kept: one folder per model. */
  readonly folder: string;
  /** A file of results on `PUBLISHED_ENGINE`, which are not measured again there; it may be missing. */
  readonly published?: string;
  readonly engine: WantedEngine;
  readonly threads: number;
  readonly cacheBytes: number;
  /** Nothing is measured: what the ledger does not hold is missing. */
  readonly onlyReads?: boolean;
}

/** How to train, on which noise levels of captioned pictures; logit-normal ones where nothing is said. */
export type StudentSettings = DistilSettings & { readonly levels?: NoiseLevels };
export type JointSettings = FineTuneSettings & { readonly levels?: NoiseLevels };

/** What training one student found. */
export interface Trained {
  readonly baselines: Baselines;
  readonly startBlock: number;
  /** In order of step; the first is the student as it starts. */
  readonly heldOut: readonly HeldOutPoint[];
  readonly seconds: number;
}

/** What a model with edits draws, caption by caption, beside what the whole model draws from the same noise. */
export interface Pictures {
  readonly held: readonly number[];
  readonly total: readonly number[];
  /** Root mean square difference of the pictures, in units of 0 to 255. */
  readonly distance: readonly number[];
  readonly steps: number;
}

export interface Drawn {
  readonly captions: number;
  readonly steps: number;
  /** Of the captions and their noise; by default that of everything that is compared by facts. */
  readonly seed?: number;
}

/** Held-out captions and their noise: the same for every arm and seed, so that differences are the arms'. */
const CAPTION_SEED = 11;
const MEASURED_SAMPLES = 128;
/** Of the results in `study/published`. */
const PUBLISHED_ENGINE = 'tensorflow';
/** Noise levels at (i + ½) / 8, as the calibration of the samples has them. */
const LEVELS = 8;
const LEVEL_SAMPLES = 16;
const LEVEL_SEED = 29;

export class Sample {
  readonly #wholeOutputs: Float32Array[] = [];
  readonly #wholePictures = new Map<string, Uint8ClampedArray[]>();
  #levels: { readonly inputs: TransformerInputs; readonly whole: Float32Array }[] | null = null;
  readonly #never = new AbortController().signal;

  private constructor(
    private readonly options: SampleOptions,
    readonly ledger: Ledger,
    readonly engine: EngineReport,
    readonly model: OpenModel,
    readonly transformer: Transformer,
    private readonly measured: readonly TransformerInputs[],
  ) {}

  static async open(options: SampleOptions): Promise<Sample> {
    const engine = await nodeEngines().start(options.engine, options.threads);
    const files = await nodeFiles.openFolder(pathToFileURL(resolve(options.model)).href);
    const model = await openModel({ files, name: options.model.replace(/.*\//, '') });
    const transformer = await openTransformer(model.config, model.checkpoint);
    const batches = await batchesFor(model, { kind: 'shapes' }, { batch: 16, seed: 0 });
    const { published, onlyReads } = options;
    // Tables of what is there hold published results on any engine.
    const isPublishedOn = published !== undefined && (onlyReads || engine.name === PUBLISHED_ENGINE);
    if (published !== undefined && !isPublishedOn) {
      console.error(
        `${published} holds results of ${PUBLISHED_ENGINE}: everything is measured again on ${engine.name}.`,
      );
    }
    const ledger = await Ledger.open(join(options.folder, 'results.jsonl'), {
      ...(onlyReads !== undefined && { onlyReads }),
      ...(isPublishedOn && { published }),
    });
    return new Sample(options, ledger, engine, model, transformer, batches.heldOut(MEASURED_SAMPLES));
  }

  get numBlocks(): number {
    return this.model.summary.numBlocks;
  }

  /** Those that `levelErrors` tells apart, the cleanest first. */
  get levels(): readonly { readonly timesteps: readonly number[] }[] {
    return Array.from({ length: LEVELS }, (_, level) => ({ timesteps: [(level + 0.5) / LEVELS] }));
  }

  get device(): string {
    return `${this.engine.name} (${this.engine.device})`;
  }

  /** Where what was trained is kept. */
  trainedUrl(name: string): string {
    return pathToFileURL(resolve(this.options.folder, 'students', name)).href;
  }

  /** Trains the student unless that was done before. With students `before` it, on what they make of the input. */
  async student(
    interval: BlockInterval,
    settings: StudentSettings,
    before: readonly StudentEdit[] = [],
  ): Promise<{ readonly edit: StudentEdit; readonly trained: Trained }> {
    const after = before.length > 0 ? `, after ${await studentsKey(before)}` : '';
    const key = `student ${formatIntervalKey(interval)}${after}, ${settingsText(settings)}`;
    const name = `${formatIntervalKey(interval)}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.safetensors`;
    const url = this.trainedUrl(name);
    const trained = await this.ledger.once(key, () => this.#train(interval, settings, before, url));
    // A ledger may have been moved without its students: what was measured with them is still there.
    const file = await nodeFiles.openFile(url, name).catch((): NamedBlob => missingFile(name));
    return { edit: { ...runEdit(interval, 'student'), by: 'student', file }, trained };
  }

  async #train(
    interval: BlockInterval,
    { levels, ...settings }: StudentSettings,
    before: readonly StudentEdit[],
    saveTo: string,
  ): Promise<Trained> {
    const startedAt = performance.now();
    await mkdir(join(this.options.folder, 'students'), { recursive: true });
    const batches = await batchesFor(this.model, { kind: 'shapes', levels }, settings);
    const leading = await openStudents(this.model, before);
    let found: Pick<Trained, 'baselines' | 'startBlock'> | null = null;
    const heldOut: HeldOutPoint[] = [];
    try {
      const result = await distilInterval({
        transformer: this.transformer,
        fingerprint: this.model.summary.fingerprint,
        interval,
        settings,
        batches,
        shared: await this.#states(batches),
        leading:
          leading.length > 0
            ? { route: routeBefore(interval.first, this.numBlocks, leading), key: await studentsKey(before) }
            : null,
        resume: null,
        save: (_, parts) => nodeFiles.saveFile(saveTo, parts),
        onProgress: (progress) => {
          if (progress.kind === 'baselines') found = progress;
          if (progress.kind === 'held-out') heldOut.push(progress.point);
        },
        signal: this.#never,
      });
      const { baselines, startBlock } = found!;
      return { baselines, startBlock, heldOut: [...heldOut, result.heldOut], seconds: since(startedAt) };
    } finally {
      disposeStudents(leading);
    }
  }

  /** Teacher states of every block: all intervals share them. */
  async #states(batches: TrainingBatches) {
    const folder = resolve(this.options.folder, 'states');
    await mkdir(folder, { recursive: true });
    const origin = `${this.device}, ${this.model.summary.fingerprint}, ${batches.key}`;
    const cache = await nodeFiles.openStateCache(pathToFileURL(folder).href, this.options.cacheBytes, origin);
    return { cache, keep: Array.from({ length: this.numBlocks }, (_, block) => block) };
  }

  /** Uses the model with edits in place; the route is the whole model's without any. */
  async #along<T>(edits: readonly EditWithFile[], use: (route: Route) => Promise<T>): Promise<T> {
    const { route, dispose } = await openEdits(this.model, edits, async () => () => undefined);
    try {
      return await use(route ?? routeOf(this.numBlocks, []));
    } finally {
      dispose();
    }
  }

  /** ‖v̂ − v‖_F / ‖v‖_F of one forward pass over held-out samples. */
  outputError(name: string, edits: readonly EditWithFile[]): Promise<number> {
    return this.ledger.once(`output error ${name}, ${MEASURED_SAMPLES} samples`, () =>
      this.#along(edits, (route) => this.outputErrorOf(route)),
    );
  }

  /** The first of the held-out samples that output errors are measured on, in whole batches. */
  unseenInputs(samples: number): readonly TransformerInputs[] {
    return this.measured.slice(0, Math.ceil(samples / (this.measured[0]?.batch ?? 1)));
  }

  /** Of a route that is not remembered. */
  async outputErrorOf(route: Route): Promise<number> {
    return relativeError(await this.sampleErrorsOf(route)) ?? Number.NaN;
  }

  /** The same, sample by sample: what its interval is drawn from. */
  sampleErrors(name: string, edits: readonly EditWithFile[]): Promise<readonly SampleError[]> {
    return this.ledger.once(sampleErrorsName(name), () => this.#along(edits, (route) => this.sampleErrorsOf(route)));
  }

  /** Of a route, or of another model that takes the same inputs. */
  async sampleErrorsOf(route: Route | undefined, edited = this.transformer): Promise<readonly SampleError[]> {
    const errors: SampleError[] = [];
    for (const [i, inputs] of this.measured.entries()) {
      this.#wholeOutputs[i] ??= await this.transformer.forward(inputs);
      errors.push(...sampleErrors(this.#wholeOutputs[i], await edited.forward(inputs, route), inputs.batch));
    }
    return errors;
  }

  /** The output error at each of `LEVELS` noise levels, the cleanest first. */
  levelErrors(name: string, edits: readonly EditWithFile[]): Promise<readonly number[]> {
    return this.ledger.once(`level errors ${name}, ${LEVEL_SAMPLES} samples each`, () =>
      this.#along(edits, (route) => this.levelErrorsOf(route)),
    );
  }

  /** Of a route that is not remembered, or of another model that takes the same inputs. */
  async levelErrorsOf(route: Route | undefined, edited = this.transformer): Promise<readonly number[]> {
    this.#levels ??= await this.#levelBatches();
    const errors: number[] = [];
    for (const { inputs, whole } of this.#levels) {
      const { difference, total } = squaredError(await edited.forward(inputs, route), whole);
      errors.push(Math.sqrt(difference / total));
    }
    return errors;
  }

  /** v̂ − v at each noise level as a share of ‖v‖ there: its squared length is the squared error of `levelErrorsOf`. */
  async levelDifferencesOf(route: Route): Promise<readonly Float32Array[]> {
    this.#levels ??= await this.#levelBatches();
    const differences: Float32Array[] = [];
    for (const { inputs, whole } of this.#levels) {
      const scale = Math.sqrt(whole.reduce((total, value) => total + value ** 2, 0));
      const own = await this.transformer.forward(inputs, route);
      differences.push(own.map((value, i) => (value - whole[i]!) / scale));
    }
    return differences;
  }

  /** The same with edits in place. */
  levelDifferences(edits: readonly EditWithFile[]): Promise<readonly Float32Array[]> {
    return this.#along(edits, (route) => this.levelDifferencesOf(route));
  }

  async #levelBatches() {
    const { drawer } = this.model;
    if (!drawer) throw new Error(`${this.model.summary.name} does not draw`);
    const random = seededRandom(LEVEL_SEED);
    const batches: { readonly inputs: TransformerInputs; readonly whole: Float32Array }[] = [];
    for (let level = 0; level < LEVELS; level++) {
      const timestep = new Float32Array(LEVEL_SAMPLES).fill((level + 0.5) / LEVELS);
      const inputs = shapesInputs(drawer.assets, this.model.config, random, timestep);
      batches.push({ inputs, whole: await this.transformer.forward(inputs) });
    }
    return batches;
  }

  pictures(name: string, edits: readonly EditWithFile[], drawn: Drawn): Promise<Pictures> {
    return this.ledger.once(picturesName(name, drawn), () =>
      this.#along(edits, (route) => this.picturesOf(route, drawn)),
    );
  }

  /** Of a route that is not remembered, or of another model that takes the same inputs. */
  async picturesOf(route: Route | undefined, drawn: Drawn, edited = this.transformer): Promise<Pictures> {
    const { captions, steps, seed = CAPTION_SEED } = drawn;
    const key = drawnText(drawn);
    const draw = async (transformer: Transformer, along: Route | undefined) => {
      const asked = { route: along, pictures: captions, steps, guidance: DRAWING.guidance, seed };
      const drawer = this.model.drawer;
      if (!drawer) throw new Error(`${this.model.summary.name} does not draw`);
      return await drawHeldOut(transformer, drawer, { ...asked, shown: captions }, this.#never, () => {});
    };
    let whole = this.#wholePictures.get(key);
    if (!whole) {
      whole = (await draw(this.transformer, undefined)).drawings.map(({ drawing }) => drawing.rgba);
      this.#wholePictures.set(key, whole);
    }
    const { drawings } = await draw(edited, route);
    return {
      held: drawings.map(({ drawing }) => drawing.facts.filter(({ holds }) => holds).length),
      total: drawings.map(({ drawing }) => drawing.facts.length),
      distance: drawings.map(({ drawing }, i) => distanceBetween(drawing.rgba, whole[i]!)),
      steps,
    };
  }
}

function missingFile(name: string): NamedBlob {
  const arrayBuffer = () =>
    Promise.reject(new Error(`students/${name} is missing: delete its line from the ledger to train it again`));
  const blob: NamedBlob['blob'] = { size: 0, slice: () => blob, arrayBuffer };
  return { path: name, blob };
}

/** Names a choice of trained students in the ledger. */
export function choiceName(edits: readonly RunEdit[], settings: StudentSettings): string {
  return `students ${formatIntervalKeys(edits)}, ${settingsText(settings)}`;
}

/** Everything that decides a training's result, in words; what only decides when it is looked at is left out. */
export function settingsText(settings: StudentSettings | JointSettings): string {
  return Object.entries(settings)
    .filter(([name]) => !['heldOutEvery', 'heldOutSamples', 'checkpointEvery'].includes(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

export function sampleErrorsName(name: string): string {
  return `sample errors ${name}, ${MEASURED_SAMPLES} samples`;
}

export function picturesName(name: string, drawn: Drawn): string {
  return `pictures ${name}, ${drawnText(drawn)}`;
}

function drawnText({ captions, steps, seed = CAPTION_SEED }: Drawn): string {
  return `${captions} captions, ${steps} steps${seed === CAPTION_SEED ? '' : `, seed ${seed}`}`;
}

function squaredError(own: Float32Array, whole: Float32Array): { difference: number; total: number } {
  let [difference, total] = [0, 0];
  for (let k = 0; k < whole.length; k++) {
    difference += (own[k]! - whole[k]!) ** 2;
    total += whole[k]! ** 2;
  }
  return { difference, total };
}

function distanceBetween(a: Uint8ClampedArray, b: Uint8ClampedArray): number {
  let [squares, values] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (i % 4 === 3) continue;
    squares += (a[i]! - b[i]!) ** 2;
    values++;
  }
  return Math.sqrt(squares / values);
}

export function since(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}
