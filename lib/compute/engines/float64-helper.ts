/** What a helper thread runs. Not by the index of lib/core/analysis: a helper has no use for TensorFlow.js. */
export { helpWithProducts } from '../../core/analysis/float64-threads.ts';
