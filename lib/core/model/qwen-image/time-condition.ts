/** Layered's second condition: a row of an embedding that is added to the time embedding (`use_additional_t_cond`). */
export const TIME_CONDITION = {
  /** Argument of the forward. QwenImageLayeredPipeline passes 0. */
  input: 'additional_t_cond',
  layer: 'time_text_embed.addition_t_embedding',
  rows: 2,
} as const;
