/**
 * What an arm keeps of the teacher's facts, and how two arms differ, with intervals. All draw the same captions from the same
 * noise, so that whole captions are drawn anew, each with what every arm made of it: what a caption is worth cancels out.
 * Seeds, or choices, of one arm are averaged caption by caption and do not narrow an interval.
 */
import { type Interval, percentileInterval } from '../lib/core/quantile.ts';
import { seededRandom } from '../lib/core/random.ts';
import type { Pictures } from './sample.ts';

export interface Bounded extends Interval {
  readonly value: number;
}

const RESAMPLES = 2000;
const SEED = 1;

/** 0 … 1, or more: facts that hold in the arm's pictures for each one that holds in the teacher's; 95 %. */
export function shareOfTeacher(arm: readonly Pictures[], teacher: Pictures): Bounded {
  const own = factsByCaption(arm);
  return bootstrapped(teacher.held.length, (captions) => ratioOf(own, teacher, captions));
}

/** How much more of the teacher's facts `arm` keeps than `other`; 95 %. */
export function differenceOf(arm: readonly Pictures[], other: readonly Pictures[], teacher: Pictures): Bounded {
  const [own, others] = [factsByCaption(arm), factsByCaption(other)];
  return bootstrapped(
    teacher.held.length,
    (captions) => ratioOf(own, teacher, captions) - ratioOf(others, teacher, captions),
  );
}

/** Facts of each caption, in the mean of the drawings of it. */
function factsByCaption(arm: readonly Pictures[]): number[] {
  return arm[0]!.held.map((_, caption) => arm.reduce((sum, { held }) => sum + held[caption]!, 0) / arm.length);
}

function ratioOf(facts: readonly number[], teacher: Pictures, captions: readonly number[]): number {
  let [own, whole] = [0, 0];
  for (const caption of captions) {
    own += facts[caption]!;
    whole += teacher.held[caption]!;
  }
  return own / whole;
}

function bootstrapped(count: number, of: (captions: readonly number[]) => number): Bounded {
  const all = Array.from({ length: count }, (_, caption) => caption);
  const random = seededRandom(SEED);
  const drawn = Array.from({ length: RESAMPLES }, () => of(all.map(() => random.integer(count))));
  return { value: of(all), ...percentileInterval(drawn) };
}
