/**
 * The case behind this folder's JSON files, as training/distil_goldens.py makes it: the golden model with four blocks, of
 * which a student replaces blocks 1 and 2, and numbered batches with padded text. Both sides fill by hash, so the files
 * hold results alone.
 */
import { type GoldenModel, goldenModel, goldenValue } from '../../model/golden-fill.ts';
import { goldenQ1 } from '../../model/qwen-image/goldens.ts';
import type { TransformerInputs } from '../../model/transformer.ts';

const BLOCKS = 4;
const HIDDEN_INDEX = 1000;
const TEXT_INDEX = 1001;
const SAMPLE_INDEX = 3000;
const BATCH = 4;
const IMAGE_TOKENS = 15;
const IMAGE_FEATURES = 16;
const TEXT_TOKENS = 8;
const TEXT_FEATURES = 16;
const TIMESTEPS = [0.37, 0.81, 0.12, 0.59];
const VALID_TEXT_TOKENS = [5, 8, 3, 7];

/** Inclusive; the student starts as a copy of `first`. */
export const GOLDEN_INTERVAL = { first: 1, last: 2 } as const;

/** Which form of the model is distilled: an edit model's second image is a reference, at time 0. */
export type GoldenForm = 'plain' | 'edit';
const FORMS: Readonly<
  Record<GoldenForm, { readonly changes: object; readonly images: TransformerInputs['imageShapes'] }>
> = {
  plain: { changes: {}, images: [[1, 3, 5]] },
  edit: {
    changes: { zero_cond_t: true },
    images: [
      [1, 3, 3],
      [1, 2, 3],
    ],
  },
};

/** The four-block teacher, with batch 0. */
export function goldenDistil(form: GoldenForm = 'plain'): GoldenModel & { readonly inputs: TransformerInputs } {
  const raw = { ...goldenQ1().config.raw, num_layers: BLOCKS, ...FORMS[form].changes };
  return { ...goldenModel(raw), inputs: goldenBatch(0, [0, BATCH], form) };
}

/**
 * Batch 0 is that of the losses and of the fine-tune, batches 1 to 10 are those of the ten steps; each has two tensor
 * indices of its own. With `samples`, the part [from, to) of it.
 */
export function goldenBatch(
  number: number,
  [from, to]: readonly [number, number] = [0, BATCH],
  form: GoldenForm = 'plain',
): TransformerInputs {
  const part = (features: number, tensor: number) =>
    Float32Array.from({ length: (to - from) * features }, (_, k) => goldenValue(from * features + k, tensor));
  return {
    batch: to - from,
    imageTokens: IMAGE_TOKENS,
    textTokens: TEXT_TOKENS,
    imageShapes: FORMS[form].images,
    timestep: Float32Array.from(TIMESTEPS.slice(from, to)),
    mask: Uint8Array.from({ length: (to - from) * TEXT_TOKENS }, (_, i) =>
      i % TEXT_TOKENS < VALID_TEXT_TOKENS[from + Math.floor(i / TEXT_TOKENS)]! ? 1 : 0,
    ),
    hiddenStates: part(IMAGE_TOKENS * IMAGE_FEATURES, HIDDEN_INDEX + 2 * number),
    encoderHiddenStates: part(TEXT_TOKENS * TEXT_FEATURES, TEXT_INDEX + 2 * number),
    extra: {},
  };
}

/** The elements of `values` at the hashed places that the files hold. */
export function goldenSamples(values: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: count }, (_, j) => {
    const place = ((goldenValue(j, SAMPLE_INDEX) + 1) / 2) * values.length;
    return values[Math.floor(place)]!;
  });
}
