/** A Qwen-Image model of few blocks and a report of it, for tests alone. */

import { exampleReport } from '../../page/explorer/report-fixtures.ts';
import { QWEN_IMAGE_CONFIG } from '../../testing/qwen-image-config.ts';
import { describedModel } from '../folder/model-summary.ts';
import { parseModelConfig } from '../model/config-index.ts';
import type { AnalysisReport } from '../report/index.ts';
import { streamWith } from '../report/report-fixtures.ts';

export function exampleModel(numBlocks: number) {
  const config = parseModelConfig(JSON.stringify({ ...QWEN_IMAGE_CONFIG, num_layers: numBlocks }), 'config.json');
  const stored = { fingerprint: 'sha256:00', dtypes: ['BF16'], sizeBytes: 0, files: 1 };
  const summary = describedModel('example', config, stored, null);
  return { ...summary, sizeBytes: 2 * summary.parameters };
}

/** `cka(u, k)` falls by `perBlock[k]` with each block k after u. */
export function reportOf(perBlock: readonly number[], change: Partial<AnalysisReport> = {}): AnalysisReport {
  const matrix = perBlock.map((_, u) => {
    let damage = 0;
    return perBlock.map((one, k) => {
      if (k < u) return null;
      if (k > u) damage += one;
      return 1 - damage;
    });
  });
  const stream = streamWith(matrix, perBlock);
  return exampleReport(stream, change);
}
