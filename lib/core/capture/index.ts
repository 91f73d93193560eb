export type { Calibration, CapturedBlock } from './calibration.ts';
export { calibrationParts, capturedTokens } from './calibration-file.ts';
export { type CalibrationRequest, calibrationFor, calibrationKey } from './calibration-request.ts';
export { type CaptureOptions, captureStates, passBytes, type WholeStates } from './capture-states.ts';
export { checkCalibration } from './check-calibration.ts';
export { fileCalibration, readForwardInputs, readForwardSamples } from './file-calibration.ts';
export { countsOf, defaultTokens, sampleTokens } from './sample-tokens.ts';
export { shapesCalibration, shapesInputs } from './shapes-calibration.ts';
export { type SyntheticRequest, syntheticCalibration, syntheticInputs } from './synthetic-calibration.ts';
