/** Entry of a thread that helps the compute worker with float64 products. */
import { helpWithProducts } from '../lib/core/analysis/float64-threads.ts';

self.addEventListener('message', ({ data }) => void helpWithProducts(data));
