/** What an address of the page means, as plain facts. Where its types change, this file alone follows; the facts stay. */

import {
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  DEFAULT_DETECTION,
  type DetectionSettings,
} from '../../../core/detection/index.ts';
import { parseRunParam, replacementWord } from '../../../core/edit/index.ts';
import { formatIntervalKeys } from '../../../core/interval/index.ts';
import { STREAMS_V1 } from '../../../core/report/upgrade-v1.ts';
import { DEFAULT_SETTINGS, withKnownStream } from '../../../page/explorer/settings.ts';
import { readLink } from '../../../page/explorer/url-state.ts';
import { readPlugged } from '../../../page/run/plugged.ts';

export interface LinkFacts {
  readonly address: string;
  readonly means: ReturnType<typeof linkMeaning>;
}

/** Of the explorer's address, on a model of so many blocks. */
export function linkMeaning(address: string, numBlocks: number) {
  const { model, cut, settings, calibration, prompt, seed } = readLink(new URLSearchParams(address));
  const { replaceBy, detection, noise, differences, score, ...rest } = settings;
  // Version 1 had neither: an address without them shows what it showed.
  if (noise !== DEFAULT_SETTINGS.noise || differences !== DEFAULT_SETTINGS.differences)
    throw new Error(`Found ${noise}, ${differences}`);
  const edits = parseRunParam(cut, replaceBy, { numBlocks }, 'link');
  // Version 1 had one replacement for all of them.
  if (edits.some(({ by }) => by !== replaceBy))
    throw new Error('a link of version 1 has runs of different replacements');
  const { kind, samples, timesteps, seed: calibrationSeed } = calibration;
  return {
    model,
    intervals: formatIntervalKeys(edits),
    ...rest,
    detection: detectionFacts(withKnownStream(detection, STREAMS_V1), model),
    score: scoreFact(score, model),
    replacement: replacementWord(replaceBy),
    calibration: { kind, samples, timesteps, seed: calibrationSeed },
    prompt,
    seed,
  };
}

/** Version 1 ranked by similarity without saying so. An address without a model, which it never wrote, shows today's ranking. */
function scoreFact(score: DamageScore, model: string | null): DamageScore {
  return model === null && score === DEFAULT_DAMAGE_SCORE ? 'cka' : score;
}

/** Version 1 took similarities over all tokens without saying so. It named the model in every address that it wrote. */
function detectionFacts({ rows, ...detection }: DetectionSettings, model: string | null) {
  if (rows !== (model === null ? DEFAULT_DETECTION.rows : 'all')) throw new Error(`Found ${rows} rows`);
  return detection;
}

/** Of `plug` in a run's address: keys of the students that are plugged in, `null` for all that there are. */
export function pluggedMeaning(param: string | null) {
  const { keys, fineTuned } = readPlugged(param);
  return { keys, fineTuned };
}
