/**
 * What each kind of edit saves: operations, and the time of a forward pass on each engine of Node, whole and edited in turns. Of a sample,
 * and of a model of Qwen-Image's structure that is wide enough for the arithmetic to decide.
 *
 *   node --import ./scripts/sources.mjs bench/edited-forward.ts [--engines tensorflow,wasm] [--width 1024] [--blocks 8]
 *     [--sample public/models/shapes-mmdit]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startComputeProcess } from '../lib/compute/node-process.ts';
import type { CalibrationSource, ProbeSource, Tasks } from '../lib/compute/protocol.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { syntheticInputs } from '../lib/core/capture/index.ts';
import { writeSafetensors } from '../lib/core/checkpoint/index.ts';
import { parseEditParam } from '../lib/core/edit/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import {
  editableModel,
  expectedTensors,
  type ModelConfig,
  parseModelConfig,
  type StreamTokens,
} from '../lib/core/model/index.ts';
import { planCost } from '../lib/core/plan/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { isWithinNoise } from '../lib/core/run/index.ts';
import { WANTED_ENGINES, type WantedEngine } from '../lib/core/tensor/engine.ts';
import { QWEN_IMAGE_CONFIG } from '../lib/testing/qwen-image-config.ts';
import { noiseCheckpoint } from './noise-checkpoint.ts';
import { load } from './turns.ts';

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'tensorflow,wasm' },
    sample: { type: 'string', default: 'public/models/shapes-mmdit' },
    width: { type: 'string', default: '1024' },
    blocks: { type: 'string', default: '8' },
  },
});
const engines = await availableOf(WANTED_ENGINES.filter((name) => values.engines.split(',').includes(name)));

/** Of as many blocks as the model has, a multiple of four. */
function plansOf(blocks: number): [string, string][] {
  const all = Array.from({ length: blocks }, (_, block) => block);
  const quarters = all.filter((block) => block % 4 === 0);
  const ffns = all.filter((block) => block % 2 === 1).flatMap((block) => [`f${block}-image`, `f${block}-text`]);
  return [
    [
      'half of the blocks, left out',
      quarters.map((first) => `${first}-${first + 1}.${first + 2}-${first + 3}`).join('.'),
    ],
    ['text groups of four', quarters.map((first) => `t${first}-${first + 3}`).join('.')],
    ['feed-forward layers of every other block', ffns.join('.')],
    ['modulations of rank 8', 'm8'],
    [
      'a quarter left out, and narrower blocks',
      `m8.${quarters.map((first) => `${first}-${first + 1}.t${first + 2}-${first + 3}.f${first + 2}-image`).join('.')}`,
    ],
  ];
}

const folder = await mkdtemp(join(tmpdir(), 'contigua-wide-'));
try {
  await writeWide(folder, Number(values.width), Number(values.blocks));
  await timed(resolve(values.sample), 'sample', { kind: 'shapes', samples: 16, timesteps: 4, seed: 7 });
  await timed(folder, `width ${values.width}`, { kind: 'synthetic', samples: 4, timesteps: 2, seed: 7 });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function timed(path: string, name: string, calibration: CalibrationSource): Promise<void> {
  const probes: ProbeSource = { calibration, ridge: DEFAULT_RIDGE, split: 'prompt-groups', tokens: undefined };
  const rows = new Map<string, string[]>();
  let about = '';
  for (const engine of engines) {
    const env = { TF_NUM_INTRAOP_THREADS: '1', OMP_NUM_THREADS: '1', TF_ENABLE_ONEDNN_OPTS: '1' };
    const { client } = startComputeProcess({ env });
    try {
      await client.call('startEngine', { wanted: engine });
      const source = { kind: 'url', url: pathToFileURL(path).href, name } as const;
      const model = await client.call('openModel', { source });
      const config = configOf(model);
      const tokens = calibration.kind === 'synthetic' ? syntheticTokens(config) : model.tokensPerForward;
      about ||= `${name}: ${model.numBlocks} blocks, width ${model.width}, ${Object.values(tokens).join(' + ')} tokens`;
      for (const [what, text] of plansOf(model.numBlocks)) {
        const edits = parseEditParam(text, 'nothing', editableModel(config), 'bench');
        const timing = await client.call('measure', { edits: untrained(edits), probes });
        const { flopsPerForward } = planCost({ ...model, tokensPerForward: tokens }, edits, {
          steps: 1,
          forwardsPerStep: 1,
        });
        const operations = percent(flopsPerForward.after / flopsPerForward.before);
        const row = rows.get(what) ?? [what, operations];
        rows.set(what, [...row, timeText(timing)]);
      }
    } finally {
      client.close();
    }
  }
  console.log(`\n${about}; ${load()}\n`);
  console.log(`| edits | operations | ${engines.map((engine) => `\`${engine}\`, time`).join(' | ')} |`);
  console.log(`|${' --- |'.repeat(2 + engines.length)}`);
  for (const row of rows.values()) console.log(`| ${row.join(' | ')} |`);
}

/** Those that start here; why another does not is told. */
async function availableOf(names: readonly WantedEngine[]): Promise<WantedEngine[]> {
  const found: WantedEngine[] = [];
  for (const name of names) {
    const { client } = startComputeProcess();
    try {
      await client.call('startEngine', { wanted: name });
      found.push(name);
    } catch (thrown) {
      console.error(`without ${name}: ${thrown instanceof Error ? thrown.message : thrown}`);
    } finally {
      client.close();
    }
  }
  return found;
}

function untrained(edits: ReturnType<typeof parseEditParam>): Tasks['measure']['input']['edits'] {
  return edits.flatMap((edit): Tasks['measure']['input']['edits'] => {
    if (edit.on !== 'run') return [edit];
    return edit.by === 'student' ? [] : [{ ...edit, by: edit.by }];
  });
}

/** "54 % (51.0 → 27.6 ms)", medians of a sample each. */
function timeText({ wholeMs, prunedMs, wholeQuartilesMs, prunedQuartilesMs, samples }: Tasks['measure']['result']) {
  const ms = (value: number) => (value / samples).toPrecision(3);
  const noise = isWithinNoise(wholeQuartilesMs, prunedQuartilesMs) ? ', within the noise' : '';
  return `${percent(prunedMs / wholeMs)} (${ms(wholeMs)} → ${ms(prunedMs)} ms${noise})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function syntheticTokens(config: ModelConfig): StreamTokens {
  const { imageTokens, textTokens } = syntheticInputs(config, seededRandom(0), 1, () => Float32Array.of(0.5));
  return { image: imageTokens, text: textTokens };
}

function configOf({ config }: ModelSummary) {
  return parseModelConfig(JSON.stringify(config), 'config.json');
}

/** Qwen-Image's config at another width and depth, with noise for weights. */
async function writeWide(path: string, width: number, blocks: number): Promise<void> {
  const heads = width / QWEN_IMAGE_CONFIG.attention_head_dim;
  const raw = { ...QWEN_IMAGE_CONFIG, num_layers: blocks, num_attention_heads: heads };
  const config = parseModelConfig(JSON.stringify(raw), 'config.json');
  const checkpoint = noiseCheckpoint(config);
  const tensors = [];
  for (const { name, shape } of expectedTensors(config)) {
    tensors.push({ name, shape, dtype: 'F32' as const, bytes: await checkpoint.readBytes(name) });
  }
  await writeFile(join(path, 'config.json'), JSON.stringify(raw));
  await writeFile(join(path, 'diffusion_pytorch_model.safetensors'), writeSafetensors(tensors));
}
