/** Measured relative output error with blocks first+1..last replaced by their probes. */
import { runEdit } from '../../edit/edit.ts';
import { outputErrorOf } from '../../report/report.ts';
import type { Score } from './score.ts';

export const probed = {
  name: 'probed',
  label: 'output error, probes',
  about: "Relative error of the model's output on held-out samples with probes in place of the later blocks",
  column: 'damage_probed',
  needs: 'probes',
  kind: 'measured',
  isShare: true,
  adds: 'in squares',
  isSimilarity: false,
  of: (report, interval) => outputErrorOf(report, runEdit(interval, 'probes')) ?? null,
} as const satisfies Score;
