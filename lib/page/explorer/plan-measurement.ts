/** What a plan file says was measured of its choice, where it may stand beside what this page measures. */
import type { EditSet } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { Plan } from '@/lib/core/plan/index.ts';
import { measuredPlanOf } from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { percentWords } from '../browser/number-words.ts';
import { whyNotMeasured } from './edits.ts';
import type { MeasuredChoice } from './measured-choice.ts';

export interface PlanMeasurement {
  /** Null where it is no point of the chart. */
  readonly found: Pick<MeasuredChoice, 'damage' | 'facts'> | null;
  /** Sentences for people; empty where the plan holds no measurement. */
  readonly words: string;
}

const NONE: PlanMeasurement = { found: null, words: '' };

/** `edits`: those of the plan, as the page makes them. */
export function measurementOf(
  plan: Plan,
  edits: EditSet,
  report: AnalysisReport | null,
  file: string,
): PlanMeasurement {
  const { outputError = null, facts = null } = plan.choice ?? {};
  if (outputError === null || whyNotMeasured(edits)) return NONE;
  if (!report) return { found: null, words: 'What was measured of it can be loaded once the model has been analysed.' };
  try {
    const { bounds } = measuredPlanOf(plan, report, file);
    const { held, total, pictures } = facts ?? { held: 0, total: 0, pictures: 0 };
    return {
      found: { damage: { outputError, bounds, bands: [] }, facts: { held, total, pictures } },
      words: `Its measured output error, ${percentWords(outputError)}, is a point of Plans.`,
    };
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) throw thrown;
    const { found, expected } = thrown.details;
    return { found: null, words: `${thrown.summary}, and is no point of Plans: found ${found}, expected ${expected}.` };
  }
}
