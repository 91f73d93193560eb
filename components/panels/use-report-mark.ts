/** What stands before every number that was measured on seeded noise; nothing for real inputs. */
import type { AnalysisReport } from '@/lib/core/report/report.ts';

export function syntheticMark(report: AnalysisReport | null): string {
  return report?.calibration.kind === 'synthetic' ? `${report.calibration.label}. ` : '';
}
