/**
 * The study's experiments on one sample model, each a list of measured rows. What is trained or drawn is remembered: arms
 * share students, and a ledger that is only read gives the rows that are there.
 */
import type { StudentEdit } from '../lib/core/edited-model/index.ts';
import { type BlockInterval, formatLayerIndex } from '../lib/core/interval/index.ts';
import { relativeError, type SampleError } from '../lib/core/relative-error.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import {
  bySensitivity,
  byThreshold,
  canGo,
  contiguousRuns,
  detected,
  leastOf,
  partitioned,
  type RemovedRun,
  removed,
  removedBy,
  scatteredBlocks,
  subsetsOf,
  without,
} from './arms.ts';
import { fineTuned } from './fine-tuned.ts';
import { randomPlans } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import {
  choiceName,
  type Drawn,
  type JointSettings,
  type Pictures,
  type Sample,
  type StudentSettings,
} from './sample.ts';

export interface StudySettings {
  /** Of arms that a claim rests on; others take the first. */
  readonly seeds: readonly number[];
  /** Blocks out; half the blocks besides. */
  readonly depths: readonly number[];
  /** Of every student, sequential or not. */
  readonly distil: StudentSettings;
  readonly fineTune: JointSettings;
  /** Pictures of arms that a claim rests on, of the others, and of removals and subsets. */
  readonly captions: { readonly claim: number; readonly arm: number; readonly few: number };
  readonly drawingSteps: number;
  /** Choices of random intervals at each depth. */
  readonly randomChoices: number;
}

export interface Row {
  readonly arm: string;
  readonly removed: number;
  /** Of one seed; arms that differ by seed have one row each. */
  readonly intervals: string;
  readonly seed: number | null;
  readonly outputError: number;
  readonly pictures: Pictures;
}

/** An arm that is compared with others: its output error has an interval. */
export interface ArmRow extends Row {
  /** Of the same samples in every arm. */
  readonly sampleErrors: readonly SampleError[];
}

/** A way of choosing intervals. */
export interface Choice {
  readonly name: string;
  of(remove: number): readonly (readonly BlockInterval[])[] | Promise<readonly (readonly BlockInterval[])[]>;
}

const RANDOM_SEED = 100;

export class Study {
  constructor(
    private readonly sample: Sample,
    private readonly report: AnalysisReport,
    /** Damages by interval key of the score that predicted best; null before it is known. */
    private readonly best: ReadonlyMap<string, number> | null,
    private readonly settings: StudySettings,
    /** Names of the choices to measure; null for all of them. */
    private readonly chosen: readonly string[] | null = null,
  ) {
    const all = this.#allChoices.map(({ name }) => name);
    const unknown = chosen?.find((name) => !all.includes(name));
    if (unknown) throw new RangeError(`No choice "${unknown}"; there are ${all.join(', ')}`);
  }

  get half(): number {
    return this.report.model.numBlocks / 2;
  }

  get choices(): Choice[] {
    return this.#allChoices.filter(({ name }) => this.chosen?.includes(name) ?? true);
  }

  get #allChoices(): Choice[] {
    const { report, best } = this;
    const { model } = report;
    return [
      ...(best ? [{ name: 'best score', of: (remove: number) => [leastOf(best, model, remove)] }] : []),
      { name: 'difference rule', of: (remove) => [detected(report, remove)] },
      { name: 'threshold', of: (remove) => [byThreshold(report, remove).intervals] },
      { name: 'least 1 − cka', of: (remove) => [partitioned(report, remove)] },
      {
        name: 'random',
        of: (remove) => randomPlans(model.stacks, [remove], this.settings.randomChoices, RANDOM_SEED + remove),
      },
      { name: 'sensitivity', of: async (remove) => [await this.sensitive(remove)] },
    ];
  }

  choice(name: string): Choice | undefined {
    return this.choices.find((one) => one.name === name);
  }

  async teacher(captions: number): Promise<Row> {
    return await this.#row({ arm: 'teacher', removed: 0, intervals: '[]', seed: null }, 'teacher', [], captions);
  }

  /** Half the blocks, students plugged in and nothing else: what the goal is about. */
  async atHalf(): Promise<ArmRow[]> {
    return await this.plugged(this.half, this.settings.seeds, this.settings.captions.claim);
  }

  /** The other depths, one seed. */
  async depths(): Promise<ArmRow[]> {
    const { depths, seeds, captions } = this.settings;
    const rows: ArmRow[] = [];
    for (const depth of depths.filter((one) => one !== this.half)) {
      rows.push(...(await this.plugged(depth, seeds.slice(0, 1), captions.arm)));
    }
    return rows;
  }

  /** Every choice at one depth: non-sequential students; removal and nothing else beside the best of them. */
  async plugged(depth: number, seeds: readonly number[], captions: number): Promise<ArmRow[]> {
    const wanted: (() => Promise<ArmRow>)[] = [];
    for (const { name, of } of this.choices) {
      // What only compares with chance needs no seeds: its choices differ already.
      const own = name === 'random' || name === 'sensitivity' ? seeds.slice(0, 1) : seeds;
      const choices = (await measuredOf([async () => await of(depth)])).flat();
      for (const seed of own) {
        wanted.push(...choices.map((intervals) => () => this.#plugged(name, intervals, seed, captions)));
      }
      const [intervals] = choices;
      if (name === 'random' || !intervals) continue;
      const row = { arm: `${name}, removed`, removed: depth, intervals: formatLayerIndex([...intervals]), seed: null };
      wanted.push(() => this.#arm(row, withoutName(removed(intervals)), removed(intervals), captions));
    }
    return await measuredOf(wanted);
  }

  /** The same intervals and steps, each student on what the ones before it make of the input. */
  async sequential(names: readonly string[]): Promise<ArmRow[]> {
    const { captions } = this.settings;
    return await this.#ofEach(names, async (name, seed) => {
      const intervals = await this.#halfOf(name);
      const settings = this.distil(seed);
      const students: StudentEdit[] = [];
      for (const interval of intervals) students.push((await this.sample.student(interval, settings, students)).edit);
      const about = aboutArm(`${name}, sequential`, intervals, seed);
      return await this.#arm(about, `sequential ${choiceName(students, settings)}`, students, captions.claim);
    });
  }

  /** The paper's last stage, at half the blocks. */
  async jointly(names: readonly string[]): Promise<ArmRow[]> {
    const { captions, drawingSteps } = this.settings;
    return await this.#ofEach(names, async (name, seed) => {
      const intervals = await this.#halfOf(name);
      const students = await this.#students(intervals, seed);
      const tuned = await fineTuned(this.sample, students, { ...this.settings.fineTune, seed });
      return {
        ...aboutArm(`${name}, fine-tuned`, intervals, seed),
        ...outputErrorOf(await tuned.sampleErrors()),
        pictures: await tuned.pictures({ captions: captions.claim, steps: drawingSteps }),
      };
    });
  }

  /** Figure 2: one to four blocks left out with nothing in their place. Block 0 and the first of a stack cannot go. */
  async removal(): Promise<Row[]> {
    const { model } = this.report;
    const sets = [
      ...contiguousRuns(model, 1).map((blocks) => ({ arm: 'single', blocks })),
      ...[2, 3, 4].flatMap((size) => {
        const runs = contiguousRuns(model, size);
        return [
          ...runs.map((blocks) => ({ arm: 'contiguous', blocks })),
          ...scatteredBlocks(model, size, runs.length, size).map((blocks) => ({ arm: 'non-contiguous', blocks })),
        ];
      }),
    ];
    return await measuredOf(
      sets.map(({ arm, blocks }) => () => {
        const about = { arm, removed: blocks.length, intervals: blocks.join(', '), seed: null };
        return this.#without(about, without(blocks), this.settings.captions.few);
      }),
    );
  }

  /** Every subset of the half-depth students of one seed. */
  async subsets(name: string): Promise<Row[]> {
    const [seed = 0] = this.settings.seeds;
    const [students = []] = await measuredOf([async () => await this.#students(await this.#halfOf(name), seed)]);
    return await measuredOf(
      subsetsOf(students).map((subset) => () => {
        const intervals = formatLayerIndex(subset);
        const about = { arm: 'subset', removed: removedBy(subset), intervals, seed };
        return this.#row(about, choiceName(subset, this.distil(seed)), subset, this.settings.captions.few);
      }),
    );
  }

  /** Blocks in order of what their removal alone does to the output. */
  async sensitive(remove: number): Promise<BlockInterval[]> {
    const { numBlocks, stacks } = this.report.model;
    const errors: (number | null)[] = [];
    for (let block = 0; block < numBlocks; block++) {
      errors.push(canGo(block, stacks) ? await this.sample.outputError(`without ${block}`, without([block])) : null);
    }
    return bySensitivity(errors, remove);
  }

  /** Rows of every seed and choice, in this order. */
  async #ofEach(names: readonly string[], row: (name: string, seed: number) => Promise<ArmRow>): Promise<ArmRow[]> {
    return await measuredOf(this.settings.seeds.flatMap((seed) => names.map((name) => () => row(name, seed))));
  }

  /** The intervals that a choice takes at half the blocks. */
  async #halfOf(name: string): Promise<readonly BlockInterval[]> {
    return (await this.choice(name)?.of(this.half))?.[0] ?? [];
  }

  distil(seed: number): StudentSettings {
    return { ...this.settings.distil, seed };
  }

  async #students(intervals: readonly BlockInterval[], seed: number): Promise<StudentEdit[]> {
    return await studentsOf(this.sample, intervals, this.distil(seed));
  }

  async #plugged(arm: string, intervals: readonly BlockInterval[], seed: number, captions: number): Promise<ArmRow> {
    return await pluggedRow(this.sample, this.settings, { arm, intervals, seed, captions });
  }

  async #without(about: Omit<Row, 'outputError' | 'pictures'>, runs: readonly RemovedRun[], captions: number) {
    return await this.#row(about, withoutName(runs), runs, captions);
  }

  async #row(
    about: Omit<Row, 'outputError' | 'pictures'>,
    name: string,
    edits: Parameters<Sample['pictures']>[1],
    captions: number,
  ): Promise<Row> {
    const drawn = { captions, steps: this.settings.drawingSteps };
    return {
      ...about,
      outputError: await this.sample.outputError(name, edits),
      pictures: await this.sample.pictures(name, edits, drawn),
    };
  }

  async #arm(
    about: Omit<Row, 'outputError' | 'pictures'>,
    name: string,
    edits: Parameters<Sample['pictures']>[1],
    captions: number,
  ): Promise<ArmRow> {
    return await armRowOf(this.sample, about, name, edits, { captions, steps: this.settings.drawingSteps });
  }
}

const withoutName = (runs: readonly RemovedRun[]) => `without ${formatLayerIndex([...runs])}`;

/** Non-sequential students of any intervals, plugged in: for a choice that no arm makes. */
export async function pluggedRow(
  sample: Sample,
  settings: StudySettings,
  asked: {
    readonly arm: string;
    readonly intervals: readonly BlockInterval[];
    readonly seed: number;
    readonly captions: number;
  },
): Promise<ArmRow> {
  const { arm, intervals, seed, captions } = asked;
  const distil = { ...settings.distil, seed };
  const students = await studentsOf(sample, intervals, distil);
  const about = aboutArm(arm, intervals, seed);
  const drawn = { captions, steps: settings.drawingSteps };
  return await armRowOf(sample, about, choiceName(students, distil), students, drawn);
}

function aboutArm(arm: string, intervals: readonly BlockInterval[], seed: number) {
  return { arm, removed: removedBy(intervals), intervals: formatLayerIndex([...intervals]), seed };
}

async function studentsOf(
  sample: Sample,
  intervals: readonly BlockInterval[],
  settings: StudentSettings,
): Promise<StudentEdit[]> {
  const students: StudentEdit[] = [];
  for (const interval of intervals) students.push((await sample.student(interval, settings)).edit);
  return students;
}

async function armRowOf(
  sample: Sample,
  about: Omit<Row, 'outputError' | 'pictures'>,
  name: string,
  edits: Parameters<Sample['pictures']>[1],
  drawn: Drawn,
): Promise<ArmRow> {
  return {
    ...about,
    ...outputErrorOf(await sample.sampleErrors(name, edits)),
    pictures: await sample.pictures(name, edits, drawn),
  };
}

function outputErrorOf(sampleErrors: readonly SampleError[]): Pick<ArmRow, 'outputError' | 'sampleErrors'> {
  return { outputError: relativeError(sampleErrors) ?? Number.NaN, sampleErrors };
}
