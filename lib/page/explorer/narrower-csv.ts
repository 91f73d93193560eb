/** Text groups and feed-forward layers as CSV: errors with their bounds at full precision, empty where nothing was measured. Pure. */
import { editKey, spanOf } from '@/lib/core/edit/index.ts';
import type { ListedNarrower } from './narrower.ts';

const HEADER =
  'kind,first,last,stream,fit_error,fit_low,fit_high,share_of_change,output_error,output_low,output_high,taken_out,chosen';

export function narrowerCsv(
  rows: readonly ListedNarrower[],
  /** By `editKey`. */
  chosen: ReadonlySet<string>,
): string {
  const lines = rows.map(({ edit, fitError, fitBounds, changeError, outputError, bounds, takenOut }) => {
    const { first, last } = spanOf(edit);
    const [kind, stream] = edit.on === 'ffn' ? ['ffn', edit.stream] : ['text group', ''];
    const ofFit = [fitError, fitBounds?.low, fitBounds?.high, changeError];
    const errors = [...ofFit, outputError, bounds?.low, bounds?.high, takenOut];
    return [kind, first, last, stream, ...errors.map((value) => value ?? ''), chosen.has(editKey(edit))].join(',');
  });
  return [HEADER, ...lines].map((line) => `${line}\r\n`).join('');
}
