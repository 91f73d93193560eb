/** Why blocks of FLUX.1, FLUX.2 and Stable Diffusion 3 cannot become narrower, by the block's structure: sentences for people. */

export interface NotNarrower {
  readonly ffn: string;
  readonly 'text-stream': string;
}

/** Blocks with a stream of text and one of images, each with layers of its own: PPCL's edits fit, and no class has them. */
export function noClassFor(label: string): NotNarrower {
  return {
    ffn: `The feed-forward layers of this block could be linear maps, but no class of ${label} reads such a block.`,
    'text-stream': `The text stream of this block could be held back, but no class of ${label} reads such a block.`,
  };
}

/** Blocks with one sequence of text and image tokens. `fused` names the matrix that attention and feed-forward layers share. */
export function oneSequence(fused: string): NotNarrower {
  return {
    ffn: `Feed-forward layers and attention run side by side in this block and share a matrix (\`${fused}\`): there is no state between them to map from.`,
    'text-stream':
      'Text and images are one sequence in this block, with the same weights for both: there is no text stream to hold back.',
  };
}
