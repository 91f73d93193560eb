/** The contestant of bench/four-blocks.ts that is this product: `threads folder`, one analysis on `tensorflow`, one line of JSON. */
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { createTasks } from '../lib/compute/tasks.ts';

const [threads = '1', folder = ''] = process.argv.slice(2);
const tasks = createTasks({ engines: nodeEngines(), files: nodeSources() });
const context = { signal: new AbortController().signal, onProgress: () => {} };
await tasks.startEngine({ wanted: 'tensorflow', threads: Number(threads) }, context);

const startedAt = performance.now();
const before = process.cpuUsage();
const url = pathToFileURL(folder).href;
await tasks.openModel({ source: { kind: 'url', url, name: 'four blocks' } }, context);
const file = { url: `${url}/calibration.safetensors`, path: 'calibration.safetensors' };
const report = await tasks.analyse({ calibration: { kind: 'file', file } }, context);
const { user, system } = process.cpuUsage(before);
const times = { wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1000 };
console.log(JSON.stringify({ ...times, peakBytes: 1024 * process.resourceUsage().maxRSS, report }));
process.exit();
