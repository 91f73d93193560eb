/** From a report to the rows of noise levels, as the page draws them and a figure shows them. Pure. */
import type { NoiseRowsData } from '@/components/charts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { bandWords } from '@/lib/page/explorer/noise.ts';
import { MEASURE_NAMES, measureText, noiseMeasure } from '@/lib/page/explorer/noise-measure.ts';

/** Null where the report has no levels. */
export function noiseRowsData(report: AnalysisReport, colours: NoiseRowsData['colours']): NoiseRowsData | null {
  const measured = noiseMeasure(report);
  if (!measured) return null;
  const { measure, rows } = measured;
  return {
    colours,
    measure: MEASURE_NAMES[measure],
    // Removal costs span decades; a probe's error seldom leaves 0 to 1.
    scale: measure === 'removal' ? 'log' : 'linear',
    text: (value) => measureText(measure, value),
    rows: rows.map(({ id, values }) => {
      const band = report.bands.find((one) => one.id === id);
      return { id, values, label: band ? id : 'all', words: band ? bandWords(band) : 'all timesteps' };
    }),
  };
}
