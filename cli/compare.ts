/** `contigua compare`: which intervals several reports of one model agree on. */
import { DEFAULT_DETECTION, overlayDetections } from '../lib/core/detection/index.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { shareText } from '../lib/core/share-text.ts';
import { parseOptions, ROWS, usage } from './arguments.ts';
import { tell, writeText } from './output.ts';
import { readText } from './read-text.ts';

export async function compare(argv: readonly string[]): Promise<void> {
  const args = parseOptions('compare', argv, { rows: { type: 'string' }, json: { type: 'boolean' } });
  const rows = args.oneOf('rows', ROWS, DEFAULT_DETECTION.rows);
  const files = args.positionals;
  if (files.length < 2) {
    throw usage('compare', 'Two or more reports are needed', files.length === 0 ? 'none' : files.join(' '));
  }
  const reports: { name: string; report: ReturnType<typeof parseReport> }[] = [];
  for (const name of files) {
    reports.push({ name, report: parseReport(await readText(name, MAX_JSON_BYTES.report), name) });
  }
  const overlaid = overlayDetections(reports, { ...DEFAULT_DETECTION, rows });
  if (overlaid.length === 0) tell('No intervals are detected in any of the reports.');
  if (args.flag('json')) {
    const intervals = overlaid.map(({ interval, of, count }) => ({ ...interval, count, reports: of }));
    await writeText(undefined, `${JSON.stringify({ rows, reports: files, intervals }, null, 2)}\n`);
    return;
  }
  for (const [i, { name, report }] of reports.entries()) tell(`${letterOf(i)}: ${name}, ${report.calibration.label}`);
  const heads = ['interval', 'found by', ...reports.map((_, i) => letterOf(i))];
  const lines = overlaid.map(({ interval: { first, last }, of, count }) => [
    `${first}–${last}`,
    `${count} of ${reports.length}`,
    ...of.map(({ detected, share }) => `${detected ? 'yes' : 'no'}${share === null ? '' : ` (${shareText(share)})`}`),
  ]);
  const widths = heads.map((head, column) => Math.max(head.length, ...lines.map((line) => line[column]!.length)));
  const row = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  await writeText(undefined, `${[heads, ...lines].map(row).join('\n')}\n`);
}

/** A, B, … Z, then their numbers. */
const letterOf = (index: number): string => (index < 26 ? String.fromCharCode(65 + index) : `#${index + 1}`);
