/**
 * The folder that diffusers loads with `from_pretrained`. Every family that this product opens is one of diffusers, and
 * its family writes the config of the pruned model, so no model is refused.
 */
import type { Exporter } from '../exporter.ts';

export const diffusers: Exporter = {
  name: 'diffusers',
  label: 'diffusers folder',
  accepts: () => ({ accepted: true }),
  // Loaded when asked for: a page lists exporters and writes no weights.
  files: async (model) => (await import('../student-folder.ts')).studentFolder(model),
};
