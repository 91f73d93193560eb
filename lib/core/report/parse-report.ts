/** Reads a report.json (or a report kept in the browser) back: right shape, and as many blocks everywhere as it says. */
import { ContiguaError } from '../errors.ts';
import type { BlockInterval } from '../interval/interval.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import { printable } from '../printable.ts';
import { type JsonFileVersion, parseJsonFile } from './json-file.ts';
import { type AnalysisReport, type Matrix, REPORT_VERSION } from './report.ts';
import { reportSchema } from './schema.ts';
import { reportV1 } from './schema-v1.ts';
import { upgradeReport } from './upgrade.ts';

const HINT = 'Write one with `contigua analyse MODEL --out report.json`.';

const VERSIONS: readonly JsonFileVersion<AnalysisReport>[] = [
  {
    version: 1,
    read(value, check, file) {
      const report = check(value, reportV1);
      checkIntervals(report.damage, report.model.numBlocks, file);
      return upgradeReport(report);
    },
  },
  { version: REPORT_VERSION, read: (value, check) => check(value, reportSchema) },
];

export function parseReport(text: string, file: string): AnalysisReport {
  const report = parseJsonFile(text, file, VERSIONS, {
    code: 'inputs-invalid',
    expected: 'a report.json of Contigua',
    hint: HINT,
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
  for (const { id } of report.model.streams) {
    if (Object.hasOwn(report.streams, id)) continue;
    throw new ContiguaError('inputs-invalid', `\`streams.${printable(id)}\` is missing`, {
      file,
      found: Object.keys(report.streams).join(', ') || 'no stream',
      expected: 'every stream that `model.streams` declares',
      hint: HINT,
    });
  }
  checkIntervals(
    report.damage.map(({ edit }) => edit),
    numBlocks,
    file,
  );
  return report;
}

function checkIntervals(measured: readonly BlockInterval[], numBlocks: number, file: string): void {
  measured.forEach(({ first, last }, i) => {
    if (first < last && last < numBlocks) return;
    throw new ContiguaError('inputs-invalid', `\`damage[${i}]\` is no interval of the model`, {
      file,
      found: `[${first},${last}]`,
      expected: `0 ≤ first < last ≤ ${numBlocks - 1}`,
      hint: HINT,
    });
  });
}

function* lengthsOf(report: AnalysisReport): Generator<{ path: string; length: number }> {
  yield { path: 'blockMs', length: report.blockMs.length };
  yield { path: 'model.blocks', length: report.model.blocks.length };
  yield* rowsOf('directionErrors', report.directionErrors);
  for (const [stream, { probeR2, probeError, cka, trajectories }] of Object.entries(report.streams)) {
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
