/** Text groups and feed-forward layers as CSV: both errors with their bounds at full precision, empty where nothing was measured. Pure. */
import { editKey, spanOf } from '@/lib/core/edit/index.ts';
import type { WidthDamage } from '@/lib/core/report/report.ts';

const HEADER =
  'kind,first,last,stream,fit_error,fit_low,fit_high,share_of_change,output_error,output_low,output_high,chosen';

export function narrowerCsv(
  rows: readonly (Pick<WidthDamage, 'edit'> & Partial<WidthDamage>)[],
  /** By `editKey`. */
  chosen: ReadonlySet<string>,
): string {
  const lines = rows.map(({ edit, fitError, fitBounds, changeError, outputError, bounds }) => {
    const { first, last } = spanOf(edit);
    const [kind, stream] = edit.on === 'ffn' ? ['ffn', edit.stream] : ['text group', ''];
    const errors = [fitError, fitBounds?.low, fitBounds?.high, changeError, outputError, bounds?.low, bounds?.high];
    return [kind, first, last, stream, ...errors.map((value) => value ?? ''), chosen.has(editKey(edit))].join(',');
  });
  return [HEADER, ...lines].map((line) => `${line}\r\n`).join('');
}
