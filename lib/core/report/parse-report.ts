/** Reads a report.json (or a report kept in the browser) back: right shape, and as many blocks everywhere as it says. */
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import { parseJsonFile } from './json-file.ts';
import { type AnalysisReport, type Matrix, REPORT_VERSION, STREAMS } from './report.ts';
import { reportSchema } from './schema.ts';

const HINT = 'Write one with `contigua analyse MODEL --out report.json`.';

export function parseReport(text: string, file: string): AnalysisReport {
  const report = parseJsonFile(text, file, reportSchema, {
    code: 'inputs-invalid',
    expected: 'a report.json of Contigua',
    hint: HINT,
    version: REPORT_VERSION,
    maxBytes: MAX_JSON_BYTES.report,
  });
  const { numBlocks } = report.model;
  for (const { path, length } of lengthsOf(report)) {
    if (length === numBlocks) continue;
    throw new ContiguaError('inputs-invalid', `\`${path}\` does not fit the number of blocks`, {
      file,
      found: `${length} values`,
      expected: `${numBlocks}, as \`model.numBlocks\` says`,
      hint: HINT,
    });
  }
  report.damage.forEach(({ first, last }, i) => {
    if (first < last && last < numBlocks) return;
    throw new ContiguaError('inputs-invalid', `\`damage[${i}]\` is no interval of the model`, {
      file,
      found: `[${first},${last}]`,
      expected: `0 ≤ first < last ≤ ${numBlocks - 1}`,
      hint: HINT,
    });
  });
  return report;
}

function* lengthsOf(report: AnalysisReport): Generator<{ path: string; length: number }> {
  yield { path: 'blockMs', length: report.blockMs.length };
  for (const stream of STREAMS) {
    const { probeR2, probeError, cka, trajectories } = report.streams[stream];
    const at = `streams.${stream}`;
    yield { path: `${at}.probeR2`, length: probeR2.length };
    yield { path: `${at}.probeError`, length: probeError.length };
    for (const [estimator, matrix] of Object.entries(cka)) yield* rowsOf(`${at}.cka.${estimator}`, matrix);
    for (const [estimator, readings] of Object.entries(trajectories)) {
      for (const [reading, matrix] of Object.entries<Matrix>(readings)) {
        yield* rowsOf(`${at}.trajectories.${estimator}["${reading}"]`, matrix);
      }
    }
  }
}

function* rowsOf(path: string, matrix: Matrix): Generator<{ path: string; length: number }> {
  yield { path, length: matrix.length };
  for (const [row, values] of matrix.entries()) yield { path: `${path}[${row}]`, length: values.length };
}
