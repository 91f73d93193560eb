/** The calibration file that the report on the page was measured on, where it is missing: a kept analysis does not hold it. */
import { settle, showError, showWarning } from '../browser/notices.ts';
import { analysisStore } from './analysis-store.ts';
import { calibrationStore } from './calibration.ts';
import { wantedFile } from './probe-source.ts';

/**
 * A file that is picked while the report's own is missing: with the same content it takes its place, and what needs
 * probes can be measured again. Returns how to stop.
 */
export function watchCalibrationFile(): () => void {
  return calibrationStore.subscribe(({ file }, before) => {
    if (file && file !== before.file) void acceptFile(file);
  });
}

async function acceptFile(file: File): Promise<void> {
  const wanted = () => {
    const { report, measuredOn } = analysisStore.getState();
    return wantedFile(report, measuredOn);
  };
  if (!wanted()?.digits) return;
  try {
    const { fileDigits } = await import('./file-readers.ts');
    const digits = await fileDigits(file);
    const missing = wanted();
    // Reading takes time: another file may have been picked, or another analysis be on the page.
    if (calibrationStore.getState().file !== file || !missing?.digits) return;
    calibrationStore.setState({ fileDigits: digits });
    if (digits !== missing.digits) {
      showWarning('calibration', `${file.name} is not the file that this analysis was measured on`, {
        found: digits,
        expected: `${missing.digits} (${missing.name})`,
        hint: 'Analyse measures on the new file; to continue with this analysis, choose the file that it names.',
      });
      return;
    }
    settle('calibration');
    analysisStore.setState(({ measuredOn }) => ({ measuredOn: measuredOn && { ...measuredOn, file } }));
  } catch (thrown) {
    showError('calibration', thrown);
  }
}
