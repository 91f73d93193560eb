/** What stands before a transformer's names in a checkpoint of several parts, as ComfyUI writes and reads it. */
export const WRAPPERS: readonly string[] = ['', 'model.diffusion_model.', 'diffusion_model.', 'transformer.'];
