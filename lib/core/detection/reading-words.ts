/** Why a report cannot be read as the settings ask, and what would do, in sentences for the page and the terminal. */
import type { AnalysisReport, SplitFacts } from '../report/report.ts';
import { type ReadingProblem, type ShortStream, shortStreams } from './reading.ts';
import type { DetectionSettings } from './settings.ts';

type Told = Pick<AnalysisReport, 'streams' | 'model' | 'calibration' | 'split'>;
type Settings = Pick<DetectionSettings, 'rows' | 'streams'>;

/** "No intervals are detected: …" */
export const problemWords = (problem: ReadingProblem, report: Told): string =>
  `No intervals are detected: ${problemReason(problem, report)}`;

/** The reason alone, in lower case, and what would do. */
export function problemReason(problem: ReadingProblem, { model, calibration, split }: Told): string {
  switch (problem.kind) {
    case 'no-such-rows':
      return split.rule === 'golden-ratio'
        ? 'an earlier version took the similarities of this analysis over all tokens alone. Analyse again, or read all tokens.'
        : `${heldOutNothingWords(split) ?? 'there are no tokens'} All tokens can be read instead.`;
    case 'too-few-rows':
      return `${shortWords(problem.short, model)}. ${enoughWords(problem.short, calibration.samples)}`;
    case 'reproduced':
      return `the probes reproduce the tokens that they were fitted on (${shortWords(problem.short, model)}), and what is left is rounding. ${enoughWords(problem.short, calibration.samples)}`;
  }
}

/** Over all tokens, what to keep in mind; null over held-out ones. */
export function caveatWords(report: Told, settings: Settings): string | null {
  if (settings.rows === 'held-out') return null;
  const flattered = 'Over all tokens, those that the probes were fitted on included, which flatters them.';
  const { width } = report.model;
  const short = width === null ? [] : shortStreams(report, settings, width);
  return short.length === 0 ? flattered : `${flattered} Few tokens: ${shortWords(short, report.model)}.`;
}

/** "Held out: 16 of 64 prompts, 16 of 64 samples." */
export function splitWords(split: SplitFacts): string {
  if (split.rule === 'golden-ratio') return 'Held-out figures of an earlier split: the same prompts were fitted on.';
  const nothing = heldOutNothingWords(split);
  if (nothing !== null) return nothing.replace('nothing', 'Nothing');
  const [samples, heldOut] = [split.timesteps.map((one) => one.samples), split.timesteps.map((one) => one.heldOut)];
  const sum = (counts: readonly number[]) => count(counts.reduce((a, b) => a + b, 0));
  const prompts = `${count(split.heldOutGroups)} of ${count(split.groups)} prompts`;
  return `Held out: ${prompts}, ${sum(heldOut)} of ${sum(samples)} samples.`;
}

/** One line per timestep, for the terminal. */
export function splitTable(split: SplitFacts): readonly string[] {
  if (split.rule !== 'prompt-groups') return [];
  const streams = Object.keys(split.timesteps[0]?.tokens ?? {});
  const cells = split.timesteps.map(({ timestep, samples, heldOut, tokens }) => [
    String(Number(timestep.toPrecision(4))),
    count(samples - heldOut),
    count(heldOut),
    ...streams.map((stream) => tokensWords(tokens?.[stream])),
  ]);
  return [['timestep', 'fitted', 'held out', ...streams.map((id) => `${id} tokens`)], ...cells].map(
    ([timestep = '', ...counts]) =>
      [timestep.padEnd(10), ...counts.map((text, i) => text.padStart(i < 2 ? 9 : 15))].join(''),
  );
}

/** "192 + 64": fitted and held out. */
export function tokensWords(tokens: { readonly all: number; readonly heldOut: number } | undefined): string {
  return tokens ? `${count(tokens.all - tokens.heldOut)} + ${count(tokens.heldOut)}` : 'n/a';
}

/** "nothing is held out, as …", and what would change that; null where something is. */
function heldOutNothingWords(split: SplitFacts): string | null {
  if (split.rule !== 'prompt-groups' || split.heldOutGroups > 0) return null;
  const samples = split.timesteps.reduce((sum, one) => sum + one.samples, 0);
  return samples === 1
    ? 'nothing is held out, as there is one sample alone. Calibrate on samples of two prompts or more.'
    : 'nothing is held out, as all samples are of one prompt. Calibrate on two prompts or more; a file may number them by a tensor prompt_group.';
}

/** "text has 93 of 192 fitted and 23 of 48 held-out tokens that width 96 needs" */
function shortWords(short: readonly ShortStream[], { streams, width }: Told['model']): string {
  const each = [...new Set(short.map(({ stream }) => stream))].map((id) => {
    const parts = short
      .filter(({ stream }) => stream === id)
      .map(
        ({ part, rows, needed }) => `${count(rows)} of ${count(needed)} ${part === 'fitted' ? 'fitted' : 'held-out'}`,
      );
    return `${streams.find((stream) => stream.id === id)?.label ?? id} has ${parts.join(' and ')}`;
  });
  return `${each.join(', ')} tokens that width ${width} needs`;
}

/** How many samples of the same kind have enough. */
function enoughWords(short: readonly ShortStream[], samples: number): string {
  const factor = Math.max(...short.map(({ rows, needed }) => needed / Math.max(rows, 1)));
  return `About ${count(Math.ceil(factor * samples))} samples instead of ${count(samples)} are enough.`;
}

const count = (value: number) => value.toLocaleString('en-US');
