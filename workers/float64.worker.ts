/** Entry of a thread that helps the compute worker with float64 products. */
import { helpWithProducts } from '../lib/compute/engines/float64-helper.ts';

self.addEventListener('message', ({ data }) => void helpWithProducts(data));
