/**
 * The forward that costs are quoted for where no inputs say otherwise: one picture of 1024 × 1024 pixels and a prompt of
 * 512 tokens, as the families' pipelines draw by default.
 */
import type { StreamTokens } from './architecture.ts';

/** 8 pixels per latent, 2 latents per token and side: 64 × 64 tokens. */
export const NOMINAL: { readonly tokens: StreamTokens; readonly picture: string } = {
  tokens: { image: 64 * 64, text: 512 },
  picture: '1024 × 1024',
};

/** Default of the FLUX.1-dev pipeline, for models that take the guidance scale as an input. */
export const NOMINAL_GUIDANCE = 3.5;
