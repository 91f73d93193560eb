/** What an address of the page means, as plain facts. Where its types change, this file alone follows; the facts stay. */

import { formatIntervalKeys, parseIntervalParam } from '../../../core/interval/index.ts';
import { readLink } from '../../../page/explorer/url-state.ts';
import { readPlugged } from '../../../page/run/plugged.ts';

export interface LinkFacts {
  readonly address: string;
  readonly means: ReturnType<typeof linkMeaning>;
}

/** Of the explorer's address, on a model of so many blocks. */
export function linkMeaning(address: string, numBlocks: number) {
  const { model, cut, settings, calibration, prompt, seed } = readLink(new URLSearchParams(address));
  const { kind, samples, timesteps, seed: calibrationSeed } = calibration;
  return {
    model,
    intervals: formatIntervalKeys(parseIntervalParam(cut, { numBlocks }, 'link')),
    ...settings,
    calibration: { kind, samples, timesteps, seed: calibrationSeed },
    prompt,
    seed,
  };
}

/** Of `plug` in a run's address: keys of the students that are plugged in, `null` for all that there are. */
export function pluggedMeaning(param: string | null) {
  const { keys, fineTuned } = readPlugged(param);
  return { keys, fineTuned };
}
