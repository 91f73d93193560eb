/** Reads a report.json (or a report kept in the browser) back: right shape, as many blocks everywhere as it says, and the streams that it declares. */
import { ContiguaError } from '../errors.ts';
import type { BlockInterval } from '../interval/interval.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import { printable } from '../printable.ts';
import { checkSeamsV1, checkStacks } from './check-stacks.ts';
import { type JsonFileVersion, parseJsonFile } from './json-file.ts';
import { lengthsOf, type OneOfBlocks } from './lengths.ts';
import { type AnalysisReport, REPORT_VERSION } from './report.ts';
import { reportSchema } from './schema.ts';
import { reportV1 } from './schema-v1.ts';
import { reportV2 } from './schema-v2.ts';
import { upgradeToV2 } from './upgrade-v1.ts';
import { upgradeReport } from './upgrade-v2.ts';

const HINT = 'Write one with `contigua analyse MODEL --out report.json`.';

const TOLD = { code: 'inputs-invalid', hint: HINT } as const;

const VERSIONS: readonly JsonFileVersion<AnalysisReport>[] = [
  {
    version: 1,
    read(value, check, file) {
      const report = check(value, reportV1);
      // Before the upgrade, so that what is wrong is named as version 1 names it.
      checkLengths(report, file);
      checkSeamsV1(report.model, file, TOLD);
      checkIntervals(report.damage, report.model.numBlocks, file);
      return upgradeReport(upgradeToV2(report));
    },
  },
  {
    version: 2,
    read(value, check, file) {
      const report = check(value, reportV2);
      checkDeclared(report, file);
      return upgradeReport(report);
    },
  },
  {
    version: REPORT_VERSION,
    read(value, check, file) {
      const report = check(value, reportSchema);
      checkDeclared(report, file);
      checkParts(report, file);
      return report;
    },
  },
];

export function parseReport(text: string, file: string): AnalysisReport {
  return parseJsonFile(text, file, VERSIONS, {
    ...TOLD,
    expected: 'a report.json of Contigua',
    maxBytes: MAX_JSON_BYTES.report,
  });
}

/** What versions 2 and 3 share; the width of the model is of version 3 alone. */
type Declared = Omit<OneOfBlocks, 'model'> & {
  readonly model: Omit<AnalysisReport['model'], 'width'>;
  readonly damage: readonly { readonly edit: BlockInterval }[];
};

function checkDeclared(report: Declared, file: string): void {
  checkLengths(report, file);
  checkStacks(report.model, file, TOLD);
  checkStreams(report, file);
  checkIntervals(
    report.damage.map(({ edit }) => edit),
    report.model.numBlocks,
    file,
  );
}

/** Every declared stream was analysed and no other, and blocks name none but those. */
function checkStreams({ model, streams }: Declared, file: string): void {
  const declared = model.streams.map(({ id }) => id);
  const wrong = (path: string, is: string, found: readonly string[], expected: string) =>
    new ContiguaError('inputs-invalid', `\`${path}\` ${is}`, {
      file,
      found: found.map((id) => printable(id)).join(', ') || 'none',
      expected,
      hint: HINT,
    });
  for (const id of declared) {
    if (Object.hasOwn(streams, id)) continue;
    const expected = 'every stream that `model.streams` declares';
    throw wrong(`streams.${printable(id)}`, 'is missing', Object.keys(streams), expected);
  }
  const known = declared.map((id) => printable(id)).join(', ');
  for (const id of Object.keys(streams)) {
    if (declared.includes(id)) continue;
    throw wrong(`streams.${printable(id)}`, 'is not declared', [id], `the streams of \`model.streams\`: ${known}`);
  }
  for (const [block, { updates }] of model.blocks.entries()) {
    const other = updates.find((id) => !declared.includes(id));
    if (other === undefined) continue;
    throw wrong(`model.blocks[${block}].updates`, 'names another stream', [other], known);
  }
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

function checkParts({ parts, model: { numBlocks } }: AnalysisReport, file: string): void {
  for (const [i, { block }] of parts.entries()) {
    if (block < numBlocks) continue;
    throw new ContiguaError('inputs-invalid', `\`parts[${i}].block\` is no block of the model`, {
      file,
      found: String(block),
      expected: `0 to ${numBlocks - 1}`,
      hint: HINT,
    });
  }
}

function checkLengths(report: OneOfBlocks, file: string): void {
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
}
