/** A few whole samples of a calibration as forward inputs of their own, for measurements that run the whole model. */
import type { Calibration } from '../capture/index.ts';
import { joinSamples, pickSamples, type TransformerInputs } from '../model/index.ts';
import { seededRandom } from '../random.ts';
import { balancedGroups, type GroupedSamples, shuffled } from './balanced-groups.ts';

/** Samples that go through the whole model for each measured edit. */
export const DAMAGE_SAMPLES = 8;
const PICK_SEED = 2;

/**
 * At most `limit` of the named samples, ascending: every timestep gives its share of them, to within one sample, and as many
 * prompts take part as can.
 */
export function spreadSamples(
  { groups, levels }: GroupedSamples,
  named: readonly number[],
  limit: number,
): readonly number[] {
  if (named.length <= limit) return named;
  const random = seededRandom(PICK_SEED);
  const single = {
    groups: Uint32Array.from(named.keys()),
    levels: Float64Array.from(named, (sample) => levels[sample]!),
  };
  const picked = balancedGroups(single, limit / named.length, random);
  const wanted = new Map<number, number>();
  for (const at of picked) wanted.set(single.levels[at]!, (wanted.get(single.levels[at]!) ?? 0) + 1);
  const timesUsed = new Map<number, number>();
  const used = (sample: number) => timesUsed.get(groups[sample]!) ?? 0;
  const samples: number[] = [];
  for (const [level, count] of wanted) {
    const left = shuffled(
      named.filter((sample) => levels[sample] === level),
      random,
    );
    for (let i = 0; i < count; i++) {
      const next = left.reduce((least, sample) => (used(sample) < used(least) ? sample : least));
      left.splice(left.indexOf(next), 1);
      timesUsed.set(groups[next]!, used(next) + 1);
      samples.push(next);
    }
  }
  return samples.sort((a, b) => a - b);
}

/**
 * The named samples, ascending, in as few batches as the calibration's size of a batch allows: a few samples of each of its
 * batches would run as many small products, and calling each takes longer than computing it.
 */
export function inputsOfSamples(
  { batches }: Pick<Calibration, 'batches'>,
  samples: readonly number[],
): TransformerInputs[] {
  const named = new Set(samples);
  const most = Math.max(...batches.map(({ batch }) => batch));
  let first = 0;
  const picked = batches.flatMap((inputs) => {
    const elements = Array.from({ length: inputs.batch }, (_, element) => element).filter((element) =>
      named.has(first + element),
    );
    first += inputs.batch;
    return elements.length === 0 ? [] : [pickSamples(inputs, elements)];
  });
  const groups: [TransformerInputs, ...TransformerInputs[]][] = [];
  let size = 0;
  for (const inputs of picked) {
    const last = groups.at(-1);
    size += inputs.batch;
    if (last && size <= most) last.push(inputs);
    else {
      groups.push([inputs]);
      size = inputs.batch;
    }
  }
  return groups.map(joinSamples);
}
