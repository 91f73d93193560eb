/**
 * What an engine gives on a graphics processor, checked and timed in one run against WASM, TensorFlow's library where it is
 * set up, and PyTorch on the same processor: golden cases, the samples' forward pass at several batch sizes, their whole
 * analysis, and training steps of one block up to full width; with `large`, analyses of large models (bench/gpu-large.ts).
 * Needs the optional package `webgpu` (docs/gpu.md).
 *
 * `npm run bench:gpu -- [--engine webgpu] [--others wasm,tensorflow] [--python PATH] [--diffusers SRC] [--device cuda]
 * [--only check,forward,analysis,training,large] [--sizes 96,512,1536@1088,3072@1088] [--batches 1,4,16,64] [--samples 64]
 * [--turns 5] [--threads N] [--limit 120] [--out gpu.json] [--folder FOLDER --blocks 15,30,60 --large-limit 14400]`
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { findTensorflow } from '../lib/compute/engines/tensorflow.ts';
import { analysisSection } from './gpu-analysis.ts';
import { checkSection } from './gpu-check.ts';
import { largeSections } from './gpu-large.ts';
import { type GpuOptions, markdown, measureSection, type Section, type SectionPlan } from './gpu-section.ts';
import { forwardSection, trainingSection } from './gpu-times.ts';
import { SAMPLE_FOLDERS } from './sample-model.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'webgpu' },
    others: { type: 'string', default: findTensorflow() ? 'wasm,tensorflow' : 'wasm' },
    python: { type: 'string' },
    diffusers: { type: 'string' },
    device: { type: 'string', default: 'cuda' },
    only: { type: 'string', default: 'check,forward,analysis,training' },
    sizes: { type: 'string', default: '96,512,1536@1088,3072@1088' },
    batches: { type: 'string', default: '1,4,16,64' },
    samples: { type: 'string', default: '64' },
    turns: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(availableParallelism()) },
    limit: { type: 'string', default: '120' },
    out: { type: 'string' },
    folder: { type: 'string', default: 'bench-gpu' },
    blocks: { type: 'string', default: '15,30,60' },
    'large-limit': { type: 'string', default: '14400' },
  },
});
const threads = Number(values.threads);
const { python, diffusers, device } = values;
const options: GpuOptions = {
  engine: values.engine,
  others: values.others.split(',').filter((name) => name && name !== values.engine),
  pytorch: python ? { python, diffusers, device, threads } : null,
  threads,
  turns: Number(values.turns),
  batches: values.batches.split(',').map(Number),
  samples: Number(values.samples),
};

const kinds: Readonly<Record<string, () => readonly SectionPlan[]>> = {
  check: () => [checkSection(options)],
  forward: () => SAMPLE_FOLDERS.map((folder) => forwardSection(options, folder)),
  analysis: () => SAMPLE_FOLDERS.map((folder) => analysisSection(options, folder)),
  training: () => values.sizes.split(',').map((size) => trainingSection(options, size)),
  large: () => largeSections(options, values),
};
const plans = values.only.split(',').flatMap((kind) => {
  const made = kinds[kind]?.();
  if (!made) throw new Error(`--only takes ${Object.keys(kinds).join(', ')}, not ${kind}`);
  const limit = Number(kind === 'large' ? values['large-limit'] : values.limit);
  return made.map((plan) => ({ plan, limit }));
});

const machine = { processor: cpus()[0]?.model ?? '', cores: availableParallelism(), threads, node: process.version };
console.log(`# ${options.engine}, ${new Date().toISOString()}\n`);
console.log(`${machine.processor}, ${machine.cores} cores, ${threads} threads (wasm: 1), Node ${machine.node}\n`);
const sections: (Section & { seconds: number })[] = [];
for (const { plan, limit } of plans) {
  const startedAt = performance.now();
  const section = await measureSection(plan, limit);
  sections.push({ ...section, seconds: (performance.now() - startedAt) / 1000 });
  console.log(markdown(section));
  // After each, as whoever measures may run out of time.
  if (values.out) await writeFile(values.out, `${JSON.stringify({ options, machine, sections }, null, 1)}\n`);
}
process.exit(sections.some(({ failed }) => failed) ? 1 : 0);
