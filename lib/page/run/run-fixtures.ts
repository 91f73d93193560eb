/** Runs as the server would show them, for tests alone. */
import { runEdit } from '@/lib/core/edit/index.ts';
import { PLAN_SCHEMA_ID, PLAN_VERSION, type RunPlan } from '@/lib/core/plan/index.ts';
import { DEFAULT_CACHE_BYTES, DEFAULT_DISTIL, type JobView, type RunView } from '@/lib/core/run/index.ts';

const MODEL = { name: 'shapes-mmdit', fingerprint: 'sha256:00', numBlocks: 16, parameters: 5_374_288 };

export const examplePlan: RunPlan = {
  $schema: PLAN_SCHEMA_ID,
  version: PLAN_VERSION,
  createdWith: 'contigua 0.1.0',
  model: {
    name: MODEL.name,
    fingerprint: MODEL.fingerprint,
    className: 'QwenImageTransformer2DModel',
    family: 'qwen-image',
    numBlocks: MODEL.numBlocks,
    streams: [
      { id: 'image', label: 'image' },
      { id: 'text', label: 'text' },
    ],
    stacks: [{ id: 'blocks', label: 'blocks', first: 0, last: MODEL.numBlocks - 1 }],
  },
  edits: [],
  blocks: { before: 16, after: 16 },
  parameters: { before: MODEL.parameters, after: MODEL.parameters },
  blockMap: [],
  calibration: null,
  settings: null,
};

export function jobView(key: string, change: Partial<JobView> = {}): JobView {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(key) ?? [];
  return {
    key,
    kind: first === undefined ? 'fine-tune' : 'student',
    edit: first === undefined ? null : runEdit({ first: Number(first), last: Number(last) }, 'student'),
    state: 'queued',
    attempt: 1,
    step: 0,
    checkpointStep: 0,
    steps: 100,
    worker: null,
    stepsPerSecond: null,
    baselines: null,
    startBlock: null,
    heldOut: [],
    error: null,
    note: null,
    studentBytes: null,
    ...change,
  };
}

export function runView(change: Partial<RunView> = {}): RunView {
  return {
    id: '1',
    name: 'Test run',
    createdAt: '2026-11-23T06:00:00.000Z',
    state: 'queued',
    model: {
      ...MODEL,
      costs: {
        blockParameters: new Array(16).fill(334_784),
        flopsPerForward: 1_000,
        flopsPerBlock: new Array(16).fill(60),
      },
      drawable: true,
    },
    plan: examplePlan,
    settings: {
      data: { kind: 'shapes' },
      distil: DEFAULT_DISTIL,
      fineTune: null,
      engine: 'auto',
      cacheBytes: DEFAULT_CACHE_BYTES,
    },
    jobs: [],
    subsets: [],
    lastEventId: 0,
    ...change,
  };
}
