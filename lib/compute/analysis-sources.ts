/**
 * What an analysis is made of and named by: its calibration, made again from what was asked for, and the settings that its probes
 * follow from. States and maps that are stored or kept between calls are found by these names.
 */
import { DAMAGE_SAMPLES, DEFAULT_RIDGE } from '../core/analysis/index.ts';
import {
  type Calibration,
  type CalibrationRequest,
  calibrationFor,
  calibrationKey,
  defaultTokens,
  sampleTokens,
} from '../core/capture/index.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { intervalSetOf } from '../core/interval/index.ts';
import type { SplitRule } from '../core/report/report.ts';
import type { EngineReport } from '../core/tensor/index.ts';
import { type FileHost, openFileOf } from './folder/file-host.ts';
import type { AnalysisRequest, ProbeSource } from './protocol.ts';
import type { AnalysisSource, Session } from './session.ts';

export class AnalysisSources {
  constructor(
    private readonly session: Session,
    private readonly files: FileHost,
  ) {}

  /** What names an analysis, and how its calibration is made again. */
  async of({ calibration, ridge, split, tokens, damageSamples }: ProbeSource): Promise<AnalysisSource> {
    const request = await openFileOf(calibration, this.files);
    return {
      key: await probesKey(request, ridge, split, tokens, damageSamples),
      calibration: async () => sampleTokens(await calibrationFor(this.session.model, request), tokens ?? null),
      rule: split,
      damageSamples,
    };
  }

  /** The calibration that was asked for, its tokens sampled, and what names the analysis. */
  async sampled({ calibration: source, tokens: asked, damage }: Omit<AnalysisRequest, 'states'>) {
    const { model } = this.session;
    // Each is measured alone, so that they may overlap.
    if (typeof damage?.intervals === 'object') {
      for (const interval of damage.intervals) intervalSetOf([interval], model.summary, 'the intervals to measure');
    }
    const request = await openFileOf(source, this.files);
    const tokens = asked === 'all' ? null : (asked ?? defaultTokens(model.config.width));
    return {
      calibration: sampleTokens(await calibrationFor(model, request), tokens),
      key: await probesKey(request, DEFAULT_RIDGE, 'prompt-groups', tokens ?? undefined, damage?.samples),
      // More samples or intervals may be measured later on what is stored.
      storedAs: await probesKey(request, DEFAULT_RIDGE, 'prompt-groups', tokens ?? undefined),
    };
  }

  /** What an analysis was measured on; where none is named, enough for a timing. */
  async calibrationOf(source: ProbeSource | null): Promise<Calibration> {
    if (!source) return await calibrationFor(this.session.model, SMALL_CALIBRATION);
    return await this.session.calibrationOf(await this.of(source));
  }
}

/** Enough for a timing where nothing has been analysed yet. */
const SMALL_CALIBRATION: CalibrationRequest = { kind: 'synthetic', samples: 2, timesteps: 1, seed: 0 };

/** Names an analysis by what its probes follow from: what the calibration holds, the tokens read, the ridge and the split. */
async function probesKey(
  request: CalibrationRequest,
  ridge: number,
  split: SplitRule,
  tokens?: number,
  damageSamples: number = DAMAGE_SAMPLES,
): Promise<string> {
  const sampled = tokens === undefined ? '' : ` tokens ${tokens}`;
  const measured = damageSamples === DAMAGE_SAMPLES ? '' : ` damage samples ${damageSamples}`;
  return `${await calibrationKey(request)} ridge ${ridge} split ${split}${sampled}${measured}`;
}

/** Changes whenever what is stored would mean something else. */
const STATES_VERSION = 2;

/** Names what is stored of an analysis: engines differ in their last digits. */
export function storeKey(key: string, { summary }: Pick<OpenModel, 'summary'>, { name, device }: EngineReport): string {
  return JSON.stringify([STATES_VERSION, summary.fingerprint, key, name, device]);
}
