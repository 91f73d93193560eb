/** Written by `npm run study -- --parts quality`; score-quality.ts says what it means. */
import type { MeasuredQuality } from './measured-quality.ts';

export const MEASURED_QUALITY: MeasuredQuality = {};
