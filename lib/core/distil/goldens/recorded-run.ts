/** A run of the trainer on golden batches, with all that it reports and leaves; and how far from PyTorch it may be. For tests. */
import { expect } from 'vitest';
import { openFile } from '../../checkpoint/index.ts';
import type { Checkpoint } from '../../checkpoint/types.ts';
import type { Transformer, TransformerInputs } from '../../model/index.ts';
import type { DistilProgress, HeldOutPoint, StepPoint } from '../../run/progress.ts';
import type { TrainingBatches } from '../training-data.ts';
import type { Deviation, Values } from './compare.ts';

/** PyTorch's float32: 3.5e-7, and 4e-7 over ten steps. */
const LOSS_TOLERANCE = 1e-5;
/** PyTorch's float32: 7.6e-6 of a gradient's root mean square. The largest are in the gains, which sum over all heads and tokens. */
export const GRADIENT_TOLERANCE = 1e-4;
const HOW_TO_REGENERATE =
  'the references come from `python training/distil_goldens.py`, `kind_goldens.py` and `joint_goldens.py` beside it';

export function expectWithin({ value, where }: Deviation, tolerance: number, of: string): void {
  expect(value, `${of}: ${where}; ${HOW_TO_REGENERATE}`).toBeLessThanOrEqual(tolerance);
}

export function expectClose(found: number, expected: number, of: string): void {
  const value = Math.abs(found / expected - 1);
  expectWithin({ value, where: `${found}, not ${expected}` }, LOSS_TOLERANCE, of);
}

export interface GoldenStep {
  readonly lr: number;
  readonly image: number;
  /** Where the text is learnt. */
  readonly text?: number;
  readonly gradientNorm: number;
}

export function expectCurve(found: readonly StepPoint[], golden: readonly GoldenStep[]): void {
  expect(found.map(({ step }) => step)).toEqual(golden.map((_, i) => i + 1));
  golden.forEach((expected, i) => {
    const { step, losses, gradientNorm, learningRate } = found[i]!;
    expect(learningRate, `rate of step ${step}; ${HOW_TO_REGENERATE}`).toBeCloseTo(expected.lr, 11);
    expectClose(losses.image!, expected.image, `image loss of step ${step}`);
    if (expected.text === undefined) expect(losses.text ?? null, `text loss of step ${step}`).toBeNull();
    else expectClose(losses.text!, expected.text, `text loss of step ${step}`);
    expectClose(gradientNorm, expected.gradientNorm, `gradient norm of step ${step}`);
  });
}

/** What distillation and fine-tuning are given alike, and what they report and leave. */
export function recordedRun(
  transformer: Transformer,
  heldOutInputs: TransformerInputs,
  inputs: TrainingBatches['inputs'],
  batch: number,
) {
  const points: StepPoint[] = [];
  const heldOut: HeldOutPoint[] = [];
  let file = new Blob();
  return {
    points,
    heldOut,
    given: {
      transformer,
      fingerprint: 'golden',
      resume: null,
      batches: {
        key: 'golden',
        label: 'golden batches',
        batch,
        inputs,
        distinct: null,
        numberOf: (index: number) => index,
        heldOut: () => [heldOutInputs],
        heldOutGroups: () => [],
      },
      async save(url: string, parts: AsyncIterable<Uint8Array>) {
        const taken: Uint8Array<ArrayBuffer>[] = [];
        for await (const part of parts) taken.push(Uint8Array.from(part));
        file = new Blob(taken);
        return { url, sizeBytes: file.size, sha256: '' };
      },
      onProgress(event: DistilProgress) {
        if (event.kind === 'steps') points.push(...event.points);
        if (event.kind === 'held-out') heldOut.push(event.point);
      },
      signal: new AbortController().signal,
    },
    /** Of the file that was saved last, against what `startOf` gives for a tensor's name. */
    async change(startOf: (name: string) => Promise<ArrayLike<number>>): Promise<Map<string, Values>> {
      const saved = await openFile({ path: 'student.safetensors', blob: file });
      const changes = new Map<string, Values>();
      for (const [name, { shape }] of saved.tensors) {
        const start = await startOf(name);
        const now = await saved.readFloat32(name);
        changes.set(name, { shape, values: Float64Array.from(now, (weight, i) => weight - start[i]!) });
      }
      return changes;
    },
  };
}

/** A teacher's tensors under the names that `named` gives for a student's. */
export function tensorsOf({ readFloat32 }: Pick<Checkpoint, 'readFloat32'>, named: (name: string) => string) {
  return async (name: string): Promise<Float32Array> => await readFloat32(named(name));
}
