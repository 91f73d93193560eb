/**
 * The contestant of bench/sample-analysis.ts: analyses the sample as the page does, by the sources of the working tree that it is
 * given. All of them come from there: two copies of TensorFlow.js in one process share their kernels.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [engine = 'wasm', root = '.'] = process.argv.slice(2);
const from = async <Module>(path: string): Promise<Module> => import(pathToFileURL(resolve(root, path)).href);
const { answerTurns } = await from<typeof import('./answer-turns.ts')>('bench/answer-turns.ts');
const { nodeEngines } = await from<typeof import('../lib/compute/engines/node-engines.ts')>(
  'lib/compute/engines/node-engines.ts',
);
const { nodeSources } = await from<typeof import('../lib/compute/folder/node-sources.ts')>(
  'lib/compute/folder/node-sources.ts',
);
const { createTasks } = await from<typeof import('../lib/compute/tasks.ts')>('lib/compute/tasks.ts');

const tasks = createTasks({ engines: nodeEngines(), files: nodeSources() });
const context = { signal: new AbortController().signal, onProgress: () => {} };
await tasks.startEngine({ wanted: engine as 'wasm' }, context);
const url = pathToFileURL(resolve(root, 'public/models/shapes-mmdit')).href;
await tasks.openModel({ source: { kind: 'url', url, name: 'sample' } }, context);

const TIMES = new Set(['blockMs', 'stagesMs']);

/** Every number of a report but its times, in its order; null where there is no figure. */
function figuresOf(value: unknown): (number | null)[] {
  if (typeof value === 'number' || value === null) return [value];
  if (typeof value !== 'object') return [];
  return Object.entries(value ?? {}).flatMap(([key, of]) => (TIMES.has(key) ? [] : figuresOf(of)));
}

await answerTurns(async () => {
  const calibration = { kind: 'shapes', samples: 64, timesteps: 8, seed: 1 } as const;
  const report = await tasks.analyse({ calibration }, context);
  return figuresOf(report).map((figure) => figure ?? Number.NaN);
});
