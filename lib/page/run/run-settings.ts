/** A run's settings in words, one line each, and where several runs' differ. Pure. */
import type { DistilLoss, OptimizerSettings, RunSettings, StudentStart } from '@/lib/core/run/index.ts';
import { engineWords } from '../browser/engine-words.ts';
import { bytesWords } from '../browser/number-words.ts';

export interface SettingLine {
  readonly name: string;
  readonly value: string;
}

export const LOSS_WORDS: Readonly<Record<DistilLoss, string>> = {
  'direction-magnitude': 'Direction + magnitude',
  direction: "Direction (the paper's)",
  'direction-l1': 'Direction, L1 (official code)',
  mse: 'Mean squared error',
};

export const START_WORDS: Readonly<Record<StudentStart, string>> = {
  first: 'First block',
  middle: 'Middle block',
  last: 'Last block',
  best: 'Best of the interval',
};

export function settingLines({ data, distil, fineTune, engine, cacheBytes, sweepBytes }: RunSettings): SettingLine[] {
  const line = (name: string, value: string | number): SettingLine => ({ name, value: String(value) });
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    line(
      'Data',
      data.kind === 'shapes'
        ? `sample grammar${data.levels ? `, ${data.levels} noise levels` : ''}`
        : data.kind === 'file'
          ? data.path
          : 'SYNTHETIC noise',
    ),
    line('Steps', count(distil.steps)),
    line('Batch', distil.accumulation > 1 ? `${distil.batch} × ${distil.accumulation}` : distil.batch),
    line('Distinct batches', distil.distinctBatches === null ? 'new for every step' : count(distil.distinctBatches)),
    line(
      'Loss',
      LOSS_WORDS[distil.loss] + (distil.loss === 'direction-magnitude' ? `, weight ${distil.magnitudeWeight}` : ''),
    ),
    line('Student starts from', START_WORDS[distil.start]),
    ...optimizerLines(distil),
    line('Seed', distil.seed),
    line('Held out', `${distil.heldOutSamples} samples, every ${count(distil.heldOutEvery)} steps`),
    line('Checkpoint', `every ${count(distil.checkpointEvery)} steps`),
    line('Engine', engine === 'auto' ? "worker's choice" : engineWords(engine)),
    line('Cache of teacher states', cacheBytes === 0 ? 'none' : `up to ${bytesWords(cacheBytes)}`),
    ...(distil.stateDType === 'bf16' ? [line('Teacher states', 'rounded to bfloat16')] : []),
    ...(sweepBytes === undefined ? [] : [line('Memory of a sweep', `up to ${bytesWords(sweepBytes)}`)]),
    ...(fineTune
      ? [
          line(
            'Joint fine-tune',
            `${count(fineTune.steps)} steps of ${fineTune.batch}, ${fineTune.train === 'all' ? 'all weights' : 'students alone'}`,
          ),
          ...optimizerLines(fineTune).map(({ name, value }) => ({ name: `Fine-tune: ${name.toLowerCase()}`, value })),
        ]
      : [line('Joint fine-tune', 'none')]),
  ];
}

function optimizerLines(o: OptimizerSettings): SettingLine[] {
  const tail = o.schedule === 'cosine' ? 'cosine to zero' : 'level';
  return [
    { name: 'Learning rate', value: String(o.learningRate) },
    { name: 'Schedule', value: `${o.warmupSteps.toLocaleString('en-US')} steps of warm-up, then ${tail}` },
    { name: 'AdamW', value: `β ${o.beta1}/${o.beta2}, ε ${o.epsilon}, decay ${o.weightDecay}` },
    { name: 'Gradient clipping', value: o.clipNorm === null ? 'none' : `norm ${o.clipNorm}` },
    { name: 'EMA of the weights', value: o.ema === null ? 'none' : `${o.ema}${o.emaWarmup ? ', with warm-up' : ''}` },
  ];
}

export interface SettingDifference {
  readonly name: string;
  /** One per run; null where a run has no such setting. */
  readonly values: readonly (string | null)[];
}

/** The lines in which not all runs agree, in the order of the lines. */
export function settingDifferences(runs: readonly RunSettings[]): SettingDifference[] {
  const all = runs.map((settings) => new Map(settingLines(settings).map(({ name, value }) => [name, value])));
  const names = [...new Set(all.flatMap((lines) => [...lines.keys()]))];
  return names
    .map((name) => ({ name, values: all.map((lines) => lines.get(name) ?? null) }))
    .filter(({ values }) => values.some((value) => value !== values[0]));
}
