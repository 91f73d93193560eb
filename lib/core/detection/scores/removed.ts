/** Measured relative output error with blocks first+1..last removed. */
import { runEdit } from '../../edit/edit.ts';
import { outputErrorOf } from '../../report/report.ts';
import type { Score } from './score.ts';

export const removed = {
  name: 'removed',
  label: 'output error, removed',
  about: "Relative error of the model's output on held-out samples with the later blocks of the interval left out",
  column: 'damage_removed',
  needs: 'nothing',
  kind: 'measured',
  isShare: true,
  adds: 'in squares',
  isSimilarity: false,
  of: (report, interval) => outputErrorOf(report, runEdit(interval, 'nothing')) ?? null,
} as const satisfies Score;
