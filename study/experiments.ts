/** The study's experiments, each a table of measured rows. What is trained or drawn is remembered by the lab. */
import type { StudentSource } from '../lib/compute/protocol.ts';
import { type BlockInterval, formatLayerIndex, removedBlocks } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import {
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  type DistilSettings,
  type FineTuneSettings,
} from '../lib/core/run/index.ts';
import {
  bySensitivity,
  byThreshold,
  canGo,
  contiguousRuns,
  detected,
  partitioned,
  type RemovedRun,
  randomIntervals,
  removed,
  removedBy,
  scatteredBlocks,
  subsetsOf,
  without,
} from './arms.ts';
import type { Lab, Quality, Trained } from './lab.ts';

export interface StudySettings {
  readonly seeds: readonly number[];
  readonly depths: readonly number[];
  readonly steps: number;
  /** Of the arms of the ablation, sequential and not, which all get the same. */
  readonly ablationSteps: number;
  readonly learningRate: number;
  readonly distinctBatches: number;
  readonly fineTuneSteps: number;
  readonly fineTuneLearningRate: number;
  readonly pictures: number;
  /** Per removal and per subset. */
  readonly fewPictures: number;
}

export interface Row {
  readonly arm: string;
  readonly removed: number;
  /** Of one seed; arms that differ by seed have one row each. */
  readonly intervals: string;
  readonly seed: number | null;
  readonly quality: Quality;
}

/** Seeds of random choices: this and the arm's own seed. */
const RANDOM_CHOICES = 100;

export class Study {
  constructor(
    private readonly lab: Lab,
    private readonly report: AnalysisReport,
    private readonly settings: StudySettings,
  ) {}

  get numBlocks(): number {
    return this.report.model.numBlocks;
  }

  distil(seed: number, steps: number): DistilSettings {
    const { learningRate, distinctBatches } = this.settings;
    return {
      ...DEFAULT_DISTIL,
      learningRate,
      distinctBatches,
      steps,
      seed,
      heldOutEvery: steps,
      checkpointEvery: steps,
    };
  }

  fineTune(seed: number): FineTuneSettings {
    const { fineTuneSteps: steps, fineTuneLearningRate: learningRate } = this.settings;
    return { ...DEFAULT_FINE_TUNE, learningRate, steps, seed, checkpointEvery: steps };
  }

  teacher(): Promise<Quality> {
    return this.lab.measure('teacher', this.settings.pictures, []);
  }

  /**
   * Figure 2: blocks left out with nothing in their place. Every edit leaves the first block of its run, so that block 0
   * and the first block of a further stack cannot be left out, and have no row.
   */
  async removal(): Promise<Row[]> {
    const { fewPictures } = this.settings;
    const { model } = this.report;
    const single = contiguousRuns(model, 1).map((blocks) => ({ arm: 'single', blocks }));
    const pairs = contiguousRuns(model, 2).map((blocks) => ({ arm: 'contiguous', blocks }));
    const apart = scatteredBlocks(model, 2, pairs.length, 2).map((blocks) => ({ arm: 'non-contiguous', blocks }));
    return await Promise.all(
      [...single, ...pairs, ...apart].map(async ({ arm, blocks }) => ({
        arm,
        removed: blocks.length,
        intervals: blocks.join(', '),
        seed: null,
        quality: await this.#measureWithout(without(blocks), fewPictures),
      })),
    );
  }

  /** The detected choice at each depth, students plugged; then removal and nothing else, for comparison. */
  async depths(): Promise<Row[]> {
    const { seeds, depths, steps, pictures } = this.settings;
    const students = seeds.flatMap((seed) =>
      depths.map((depth) => this.plugged('students, detected', detected(this.report, depth), seed, steps)),
    );
    const partitions = seeds.flatMap((seed) =>
      depths.map((depth) => this.plugged('students, least damage', partitioned(this.report, depth), seed, steps)),
    );
    const removal = depths.map(async (depth): Promise<Row> => {
      const intervals = detected(this.report, depth);
      const quality = await this.#measureWithout(removed(intervals), pictures);
      return { arm: 'removed', removed: depth, intervals: formatLayerIndex(intervals), seed: null, quality };
    });
    return await Promise.all([...students, ...partitions, ...removal]);
  }

  /** Sensitivity ranking with sequential distillation → probe detection → non-sequential, equal steps, half the blocks. */
  async ablation(): Promise<Row[]> {
    const { seeds, ablationSteps: steps } = this.settings;
    const half = this.numBlocks / 2;
    const chosen = { sensitivity: await this.sensitive(half), detection: detected(this.report, half) };
    const sequential = async (ranking: keyof typeof chosen, seed: number): Promise<Row> => {
      const intervals = chosen[ranking];
      const students = await this.sequential(intervals, seed, steps);
      const name = formatLayerIndex(intervals);
      const quality = await this.lab.measure(
        `sequential ${name}, seed ${seed}, ${steps} steps`,
        this.settings.pictures,
        editsOf(students),
      );
      return { arm: `${ranking}, sequential`, removed: half, intervals: name, seed, quality };
    };
    return await Promise.all([
      ...seeds.map((seed) => sequential('sensitivity', seed)),
      ...seeds.map((seed) => sequential('detection', seed)),
      ...seeds.map((seed) => this.plugged('detection, non-sequential', chosen.detection, seed, steps)),
    ]);
  }

  /** The rule against a threshold and against chance: non-sequential, the same number of blocks. */
  async rules(remove: number): Promise<Row[]> {
    const { seeds, ablationSteps: steps } = this.settings;
    const ours = detected(this.report, remove);
    const threshold = byThreshold(this.report, remove).intervals;
    return await Promise.all([
      ...seeds.map((seed) => this.plugged('difference rule', ours, seed, steps)),
      ...seeds.map((seed) => this.plugged('threshold', threshold, seed, steps)),
      ...seeds.map((seed) => this.plugged('least damage', partitioned(this.report, remove), seed, steps)),
      ...seeds.map((seed) =>
        this.plugged('random', randomIntervals(ours, this.numBlocks, RANDOM_CHOICES + seed), seed, steps),
      ),
    ]);
  }

  /** Every subset of the half-depth students of least damage of one seed. */
  async subsets(seed: number): Promise<Row[]> {
    const students = await this.students(partitioned(this.report, this.numBlocks / 2), seed, this.settings.steps);
    return await Promise.all(
      subsetsOf(students).map(async (subset) => {
        const intervals = subset.map(({ edit }) => edit);
        const name = formatLayerIndex(intervals);
        return {
          arm: 'subset',
          removed: removedBy(intervals),
          intervals: name,
          seed,
          quality: await this.lab.measure(
            `students ${name}, seed ${seed}, ${this.settings.steps} steps`,
            this.settings.fewPictures,
            editsOf(subset),
          ),
        };
      }),
    );
  }

  /** The paper's last stage, at half the blocks. */
  async jointly(): Promise<Row[]> {
    const half = this.numBlocks / 2;
    const chosen = { detected: detected(this.report, half), 'least damage': partitioned(this.report, half) };
    return await Promise.all(
      Object.entries(chosen).flatMap(([choice, intervals]) =>
        this.settings.seeds.map(async (seed): Promise<Row> => {
          const name = formatLayerIndex(intervals);
          const students = await this.students(intervals, seed, this.settings.steps);
          const settings = this.fineTune(seed);
          const key = `${name}, seed ${seed}, ${this.settings.steps} + ${settings.steps} steps, ${settings.train}, lr ${settings.learningRate}`;
          const fineTuned = await this.lab.fineTuned(editsOf(students), settings, key);
          const { pictures } = this.settings;
          const quality = await this.lab.measure(`fine-tuned ${key}`, pictures, editsOf(students), fineTuned);
          return { arm: `fine-tuned, ${choice}`, removed: removedBy(intervals), intervals: name, seed, quality };
        }),
      ),
    );
  }

  /** Blocks in order of what their removal alone does to the output. */
  async sensitive(remove: number): Promise<BlockInterval[]> {
    const errors: (number | null)[] = [];
    for (let block = 0; block < this.numBlocks; block++) {
      const measured = canGo(block, this.report.model.stacks)
        ? await this.#measureWithout(without([block]), this.settings.fewPictures)
        : null;
      errors.push(measured?.outputError ?? null);
    }
    return bySensitivity(errors, remove);
  }

  #measureWithout(runs: readonly RemovedRun[], pictures: number): Promise<Quality> {
    return this.lab.measure(`without ${removedBlocks(runs).join(',')}`, pictures, runs);
  }

  private async plugged(arm: string, intervals: readonly BlockInterval[], seed: number, steps: number): Promise<Row> {
    const students = await this.students(intervals, seed, steps);
    const name = formatLayerIndex([...intervals]);
    const quality = await this.lab.measure(
      `students ${name}, seed ${seed}, ${steps} steps`,
      this.settings.pictures,
      editsOf(students),
    );
    return { arm, removed: removedBy(intervals), intervals: name, seed, quality };
  }

  private students(intervals: readonly BlockInterval[], seed: number, steps: number): Promise<Trained[]> {
    return Promise.all(
      intervals.map((interval) => this.lab.student(interval, this.distil(seed, steps), this.#everyBlock())),
    );
  }

  private async sequential(intervals: readonly BlockInterval[], seed: number, steps: number): Promise<Trained[]> {
    const students: Trained[] = [];
    for (const interval of intervals) {
      const settings = this.distil(seed, steps);
      students.push(await this.lab.student(interval, settings, this.#everyBlock(), editsOf(students)));
    }
    return students;
  }

  /** Arms ask for the states after all blocks, sooner or later. */
  #everyBlock(): number[] {
    return Array.from({ length: this.numBlocks }, (_, block) => block);
  }
}

function editsOf(students: readonly Trained[]): StudentSource[] {
  return students.map(({ edit }) => edit);
}
