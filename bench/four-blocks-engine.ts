/** This product's side of bench/four-blocks.ts: `threads folder engine`, one analysis, one line of JSON. */
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { createTasks } from '../lib/compute/tasks.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../lib/core/detection/index.ts';
import { runEdits } from '../lib/core/edit/index.ts';
import type { EngineName } from '../lib/core/tensor/index.ts';

const [threads = '1', folder = '', engine = 'tensorflow'] = process.argv.slice(2);
const tasks = createTasks({ engines: nodeEngines(), files: nodeSources() });
const context = { signal: new AbortController().signal, onProgress: () => {} };
await tasks.startEngine({ wanted: engine as EngineName, threads: Number(threads) }, context);

const startedAt = performance.now();
const before = process.cpuUsage();
const url = pathToFileURL(folder).href;
await tasks.openModel({ source: { kind: 'url', url, name: 'four blocks' } }, context);
const file = { url: `${url}/calibration.safetensors`, path: 'calibration.safetensors' };
const calibration = { kind: 'file', file } as const;
const report = await tasks.analyse({ calibration }, context);
// The product reads no intervals from so few held-out tokens of this width; what measuring them costs belongs to the whole.
const found = detectIntervals({ streams: report.streams }, DEFAULT_DETECTION);
const edits = [...runEdits(found, 'nothing'), ...runEdits(found, 'probes')];
const probes = { calibration, ridge: report.settings.ridge, split: 'prompt-groups' } as const;
const damage = report.damage.length > 0 ? report.damage : await tasks.damage({ edits, probes }, context);
const { user, system } = process.cpuUsage(before);
const times = { wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1000 };
console.log(JSON.stringify({ ...times, peakBytes: 1024 * process.resourceUsage().maxRSS, report, damage }));
process.exit();
