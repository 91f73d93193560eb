/** Threads of the page's compute worker for float64 products: one for each logical core but its own. */
import type { ProductHelper } from '../../core/analysis/index.ts';

const MAX_HELPERS = 7;

/** None where the page is not cross-origin isolated, or a worker cannot start another. */
export function startFloat64Helpers(): ProductHelper[] {
  if (!self.crossOriginIsolated || typeof Worker !== 'function') return [];
  const count = Math.min(MAX_HELPERS, (navigator.hardwareConcurrency || 1) - 1);
  return Array.from({ length: count }, startHelper);
}

/** A helper that does not start is not missed: the calling thread computes its part. */
function startHelper(): ProductHelper {
  const worker = new Worker(new URL('../../../workers/float64.worker.ts', import.meta.url), {
    type: 'module',
    name: 'contigua-float64',
  });
  worker.addEventListener('error', (event) => event.preventDefault());
  return worker;
}
