/** Measured relative output error with one linear map in place of blocks first+1..last: what a closed form leaves to a student. */
import { runEdit } from '../../edit/edit.ts';
import { outputErrorOf } from '../../report/report.ts';
import type { Score } from './score.ts';

export const linear = {
  name: 'linear',
  label: 'output error, linear',
  about:
    "Relative error of the model's output on held-out samples with one linear map, fitted by least squares, in place of the later blocks",
  column: 'damage_linear',
  needs: 'linear',
  kind: 'measured',
  isShare: true,
  adds: 'in squares',
  isSimilarity: false,
  of: (report, interval) => outputErrorOf(report, runEdit(interval, 'linear')) ?? null,
} as const satisfies Score;
