/** Why single-stream blocks of FLUX.1 and FLUX.2 cannot become narrower, by the block's structure: sentences for people. */

export interface NotNarrower {
  readonly ffn: string;
  readonly 'text-stream': string;
}

/** Blocks with one sequence of text and image tokens. `fused` names the matrix that attention and feed-forward layers share. */
export function oneSequence(fused: string): NotNarrower {
  return {
    ffn: `Feed-forward layers and attention run side by side in this block and share a matrix (\`${fused}\`): there is no state between them to map from.`,
    'text-stream':
      'Text and images are one sequence in this block, with the same weights for both: there is no text stream to hold back.',
  };
}
