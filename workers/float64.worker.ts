/** Entry of a thread that helps the compute worker with float64 products. */
// Not by the index of its folder: a helper has no use for TensorFlow.js.
import { helpWithProducts } from '../lib/core/analysis/float64-threads.ts';

self.addEventListener('message', ({ data }) => void helpWithProducts(data));
