/**
 * What of a block with a stream of text and one of images edits replace, in the families whose classes in diffusers know no narrower
 * blocks. Their layers have the same names; those of the maps are this product's own.
 */
import type { BlockParts, NotAPart, TextPart } from './architecture.ts';

/** Streams with feed-forward layers of their own. */
export const FFN_STREAMS = ['image', 'text'] as const;
type FfnStream = (typeof FFN_STREAMS)[number];

/** Feed-forward layers, and the map in their place. */
export const FFN_NAMES = {
  image: { mlp: 'ff', linearMlp: 'ff_linear' },
  text: { mlp: 'ff_context', linearMlp: 'ff_context_linear' },
} as const satisfies Record<FfnStream, object>;

export const HELD_TEXT = { projector: 'context_proj', end: 'context_end_proj' } as const satisfies Partial<TextPart>;

/** The layers that modulate the streams of a block; none where blocks have none of their own. */
export const MODULATED_BY = { image: 'norm1.linear', text: 'norm1_context.linear' } as const;

/** `whyNoShared`: why modulations are not shared. `modulates`: whether the block has matrices of modulation. */
export function jointParts(
  D: number,
  { whyNoShared, modulates }: { readonly whyNoShared: string; readonly modulates: boolean },
): BlockParts {
  // Shift, scale and gate of the attention come first.
  const ffn = (stream: FfnStream) => ({
    layers: `${FFN_NAMES[stream].mlp}.`,
    linear: FFN_NAMES[stream].linearMlp,
    ...(modulates ? { modulation: { matrix: MODULATED_BY[stream], from: 3 * D, to: 6 * D } } : {}),
  });
  const matrices = FFN_STREAMS.map((stream) => ({
    matrix: MODULATED_BY[stream],
    stream,
    times: 1,
  }));
  const modulation: NotAPart = { why: whyNoShared, ...(modulates ? { matrices } : {}) };
  return {
    ffn: { image: ffn('image'), text: ffn('text') },
    text: {
      stream: 'text',
      layers: [
        ...(modulates ? ['norm1_context.'] : []),
        'ff_context.',
        'attn.add_q_proj.',
        'attn.norm_added_q.',
        'attn.to_add_out.',
      ],
      dropsQueries: true,
      ...HELD_TEXT,
    },
    modulation,
  };
}
