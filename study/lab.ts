/**
 * The study's bench: compute processes that train students and measure choices, each result once. Students are files named
 * after all that decides them, so that arms of the study that share an interval, a seed and a length share the student.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WorkerClient } from '../lib/compute/client.ts';
import { type ComputeProcess, startComputeProcess } from '../lib/compute/node-process.ts';
import type { EditSource, StudentSource } from '../lib/compute/protocol.ts';
import { runEdit } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKeys } from '../lib/core/interval/index.ts';
import { type AnalysisReport, parseReport } from '../lib/core/report/index.ts';
import type { DistilResult, DistilSettings, FineTuneSettings, SavedFile } from '../lib/core/run/index.ts';
import { DRAWING } from '../lib/core/shapes/index.ts';
import type { WantedEngine } from '../lib/core/tensor/engine.ts';
import { Ledger } from './ledger.ts';

export interface LabOptions {
  readonly model: string;
  readonly folder: string;
  readonly engine: WantedEngine;
  readonly processes: number;
  readonly threads: number;
  readonly cacheBytes: number;
}

export interface Quality {
  /** Share of the checker's facts that hold. */
  readonly facts: number;
  readonly pictures: number;
  readonly outputError: number;
}

export interface Trained {
  /** The student in its run's place. */
  readonly edit: StudentSource;
  readonly result: DistilResult;
}

/** Held-out captions and their noise: the same for every arm and seed, so that differences are the arms'. */
const CAPTION_SEED = 11;
const DRAWN = { ...DRAWING, seed: CAPTION_SEED } as const;

export class Lab {
  readonly #idle: WorkerClient[] = [];
  readonly #waiting: ((client: WorkerClient) => void)[] = [];
  readonly #processes: ComputeProcess[];
  device = '';

  private constructor(
    private readonly options: LabOptions,
    readonly ledger: Ledger,
  ) {
    this.#processes = Array.from({ length: options.processes }, () =>
      startComputeProcess({ threads: options.threads }),
    );
  }

  static async open(options: LabOptions): Promise<Lab> {
    const lab = new Lab(options, await Ledger.open(join(options.folder, 'results.jsonl')));
    const url = pathToFileURL(options.model).href;
    for (const { client } of lab.#processes) {
      const engine = await client.call('startEngine', { wanted: options.engine });
      lab.device = `${engine.name} (${engine.device})`;
      await client.call('openModel', { source: { kind: 'url', url, name: 'shapes-mmdit' } });
      lab.#idle.push(client);
    }
    return lab;
  }

  close(): void {
    for (const { client } of this.#processes) client.close();
  }

  async analyse(): Promise<AnalysisReport> {
    const stored: unknown = await this.ledger.once('analysis', () =>
      this.#with((client) =>
        client.call('analyse', { calibration: { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 } }),
      ),
    );
    // An earlier version may have stored it.
    return parseReport(JSON.stringify(stored), 'results.jsonl');
  }

  /** `keep` are the blocks whose states some arm asks for. */
  async student(
    interval: BlockInterval,
    settings: DistilSettings,
    keep: readonly number[],
    before: readonly StudentSource[] = [],
  ): Promise<Trained> {
    const name = [
      `seed ${settings.seed}`,
      `${settings.steps} steps`,
      settings.loss,
      settings.start,
      `lr ${settings.learningRate}`,
      `${settings.distinctBatches} batches`,
      ...(before.length > 0 ? [`after ${formatIntervalKeys(before)}`] : []),
      formatIntervalKeys([interval]),
    ].join(', ');
    const folder = join(this.options.folder, 'students', name.replaceAll(/[^\w.-]+/g, '_'));
    const result = await this.ledger.once(`student ${name}`, async () => {
      await mkdir(folder, { recursive: true });
      const cache = join(this.options.folder, 'states');
      await mkdir(cache, { recursive: true });
      return await this.#with(async (client) => {
        console.error(`training ${name}`);
        return await client.call('distil', {
          edit: runEdit(interval, 'student'),
          settings,
          data: { kind: 'shapes' },
          cache: { url: pathToFileURL(cache).href, sizeBytes: this.options.cacheBytes, keep },
          before,
          resume: null,
          saveTo: pathToFileURL(folder).href,
        });
      });
    });
    const path = join(folder, 'student.safetensors');
    const file = { path, url: pathToFileURL(path).href };
    return { edit: { ...runEdit(interval, 'student'), by: 'student', file }, result };
  }

  /** States of a seed are of no use once its students are trained. */
  async forgetStates(): Promise<void> {
    await rm(join(this.options.folder, 'states'), { recursive: true, force: true });
  }

  async fineTuned(edits: readonly StudentSource[], settings: FineTuneSettings, name: string): Promise<SavedFile> {
    const folder = join(this.options.folder, 'fine-tuned', name.replaceAll(/[^\w.-]+/g, '_'));
    const { student } = await this.ledger.once(`fine-tuned ${name}`, async () => {
      await mkdir(folder, { recursive: true });
      return await this.#with(async (client) => {
        console.error(`fine-tuning ${name}`);
        return await client.call('fineTune', {
          edits,
          settings,
          data: { kind: 'shapes' },
          resume: null,
          saveTo: pathToFileURL(folder).href,
        });
      });
    });
    return { ...student, url: pathToFileURL(join(folder, 'student.safetensors')).href };
  }

  /** Of the model with edits, or of the whole model without any. */
  measure(
    name: string,
    pictures: number,
    edits: readonly EditSource[],
    fineTuned: SavedFile | null = null,
  ): Promise<Quality> {
    return this.ledger.once(`quality ${name}, ${pictures} pictures`, () =>
      this.#with(async (client) => {
        const { facts, outputError } = await client.call('tryEdits', {
          ...DRAWN,
          edits,
          probes: null,
          fineTuned: fineTuned && { path: 'fine-tuned', url: fineTuned.url },
          pictures,
          data: { kind: 'shapes' },
        });
        if (!facts) throw new Error('The study needs a model that draws');
        console.error(
          `${name}: ${((100 * facts.held) / facts.total).toFixed(1)} % facts, error ${outputError.toFixed(3)}`,
        );
        return { facts: facts.held / facts.total, pictures, outputError };
      }),
    );
  }

  async #with<T>(use: (client: WorkerClient) => Promise<T>): Promise<T> {
    const client = this.#idle.pop() ?? (await new Promise<WorkerClient>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(client);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(client);
      else this.#idle.push(client);
    }
  }
}
