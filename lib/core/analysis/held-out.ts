/**
 * Which samples probes are judged on. Whole prompts are held out: a probe that has seen a prompt at one timestep knows its
 * text states at all others, and would be flattered. Every timestep gives its share (balanced-groups.ts says how nearly).
 * The choice is seeded and depends on prompts and timesteps alone, so that it is the same wherever it is made.
 */
import type { Calibration } from '../capture/index.ts';
import { seededRandom } from '../random.ts';
import type { PerStream, SplitFacts, SplitRule } from '../report/report.ts';
import { balancedGroups, type GroupedSamples } from './balanced-groups.ts';
import { goldenRatioSamples } from './golden-ratio.ts';

export const HELD_OUT_SHARE = 0.25;
const SPLIT_SEED = 1;

export interface RowSplit {
  readonly fit: PerStream<Uint32Array>;
  readonly heldOut: PerStream<Uint32Array>;
  /** Samples held out, ascending; empty where all samples are of one prompt, which then only serve the fit. */
  readonly heldOutSamples: readonly number[];
  readonly facts: SplitFacts;
}

export type SplitSamples = Pick<Calibration, 'rows' | 'groups' | 'levels'>;

/** The rows of every stream by the side that their sample is on. */
export function splitRows(calibration: SplitSamples, rule: SplitRule = 'prompt-groups'): RowSplit {
  const heldOutSamples =
    rule === 'prompt-groups' ? heldOutOf(calibration) : goldenRatioSamples(calibration.groups.length, HELD_OUT_SHARE);
  const held = new Set(heldOutSamples);
  const facts: SplitFacts =
    rule === 'prompt-groups' ? factsOf(calibration, held) : { rule: 'golden-ratio', share: HELD_OUT_SHARE };
  return { ...rowsBySide(calibration, held), heldOutSamples, facts };
}

/** The same with the samples that somebody else holds out. */
export function splitOff(
  calibration: SplitSamples,
  heldOutSamples: readonly number[],
): Pick<RowSplit, 'fit' | 'heldOut' | 'heldOutSamples'> {
  return { ...rowsBySide(calibration, new Set(heldOutSamples)), heldOutSamples };
}

function rowsBySide({ rows }: SplitSamples, held: ReadonlySet<number>): Pick<RowSplit, 'fit' | 'heldOut'> {
  const pick = (wanted: boolean): PerStream<Uint32Array> =>
    Object.fromEntries(
      Object.entries(rows).map(([stream, of]) => [
        stream,
        Uint32Array.from(of.keys()).filter((row) => held.has(of[row]!) === wanted),
      ]),
    );
  return { fit: pick(false), heldOut: pick(true) };
}

/** Held-out samples, ascending. */
export function heldOutOf(samples: GroupedSamples): readonly number[] {
  const held = balancedGroups(samples, HELD_OUT_SHARE, seededRandom(SPLIT_SEED));
  return [...samples.groups.keys()].filter((sample) => held.has(samples.groups[sample]!));
}

function factsOf({ groups, levels, rows }: SplitSamples, held: ReadonlySet<number>): SplitFacts {
  const timesteps = [...new Set(levels)].sort((a, b) => a - b);
  const tokensAt = (timestep: number) =>
    Object.fromEntries(
      Object.entries(rows).map(([stream, sampleOf]) => {
        const here = Array.from(sampleOf).filter((sample) => levels[sample] === timestep);
        return [stream, { all: here.length, heldOut: here.filter((sample) => held.has(sample)).length }];
      }),
    );
  const countAt = (timestep: number, counts: (sample: number) => boolean) =>
    levels.reduce((sum, level, sample) => sum + (level === timestep && counts(sample) ? 1 : 0), 0);
  return {
    rule: 'prompt-groups',
    seed: SPLIT_SEED,
    share: HELD_OUT_SHARE,
    groups: new Set(groups).size,
    heldOutGroups: new Set(groups.filter((_, sample) => held.has(sample))).size,
    timesteps: timesteps.map((timestep) => ({
      timestep,
      samples: countAt(timestep, () => true),
      heldOut: countAt(timestep, (sample) => held.has(sample)),
      tokens: tokensAt(timestep),
    })),
  };
}
