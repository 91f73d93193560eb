/** The background worker of the open page. Its code is loaded by the worker alone. */
import { workerPort } from '@/lib/compute/worker-port.ts';
import { type Background, createBackground } from './client.ts';

export const background: Background = createBackground(() =>
  workerPort(
    new Worker(new URL('../../../../workers/background.worker.ts', import.meta.url), {
      type: 'module',
      name: 'contigua background',
    }),
  ),
);
