/** What is known of a text group or of feed-forward layers, in a sentence or two. Pure. */
import type { FfnEdit, TextStreamEdit } from '@/lib/core/edit/index.ts';
import { type AnalysisReport, widthDamageOf } from '@/lib/core/report/report.ts';
import { shareRangeWords } from '../browser/confidence-words.ts';
import { percentWords } from '../browser/number-words.ts';
import { spanWords } from './edit-words.ts';

export function narrowerWords(
  edit: TextStreamEdit | FfnEdit,
  report: Pick<AnalysisReport, 'width'> | null,
  streamLabel: (stream: string) => string,
): string {
  const what =
    edit.on === 'ffn'
      ? `FFN of block ${edit.block}, ${streamLabel(edit.stream)} stream, as one linear map`
      : `Text group ${spanWords(edit)}: block ${edit.first} updates the text, ${laterWords(edit)} a projection of it`;
  return `${what}. ${measuredWords(edit, report)}`;
}

function laterWords({ first, last }: TextStreamEdit): string {
  return last === first + 1 ? `block ${last} takes` : `blocks ${first + 1} to ${last} take`;
}

function measuredWords(edit: TextStreamEdit | FfnEdit, report: Pick<AnalysisReport, 'width'> | null): string {
  const measured = report && widthDamageOf(report, edit);
  if (!measured) return report ? 'Not measured yet: Measure, under Narrower blocks.' : 'An analysis measures it.';
  const { outputError, bounds, fitError, fitBounds } = measured;
  const range = (of: typeof bounds) => (of ? ` (${shareRangeWords(of)})` : '');
  return `Alone: output error ${percentWords(outputError)}${range(bounds)}, fit error ${percentWords(fitError)}${range(fitBounds)} on held-out prompts.`;
}
