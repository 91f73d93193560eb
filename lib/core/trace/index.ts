export { openTrace, type Trace, type TracedSamples } from './open-trace.ts';
export { TRACE_FILES, TRACE_KEY, TRACE_VERSION, type TraceModel } from './trace-format.ts';
export { isTrace } from './trace-metadata.ts';
export { readState, type TracedBlock, traceStates } from './trace-states.ts';
export { traceStore } from './trace-store.ts';
export { traceIn, traceSummary } from './trace-summary.ts';
export { type TraceToWrite, traceParts } from './write-trace.ts';
