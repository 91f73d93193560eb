/**
 * What to call a model. Every diffusers model keeps its weights in a folder called `transformer`, and a cache of Hugging Face
 * names its folders by revision: such names tell no model from another, so the next better one is taken. Pure.
 */

const NAMELESS =
  /^(transformer|diffusion_pytorch_model|config|folder|dropped files|snapshots?|models?|main|[0-9a-f]{32,64}|\.{0,2})$/i;
/** …/models--Qwen--Qwen-Image/snapshots/<revision>, and the transformer in it. */
const CACHED = /(?:^|[\\/])models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+(?:[\\/]transformer)?[\\/]*$/;

/** Of files of weights, which are called as the model is where they stand alone. */
const EXTENSION = /\.(safetensors|gguf|json)$/i;

/**
 * "Qwen/Qwen-Image" for a folder in a cache of Hugging Face, else the last folder, or file without its extension, that
 * names something; null if none does.
 */
export function nameInPath(path: string): string | null {
  const cached = CACHED.exec(path)?.[1];
  if (cached !== undefined) return cached.split('--').join('/');
  const parts = path.split(/[\\/]+/).map((part) => part.replace(EXTENSION, ''));
  return parts.findLast((part) => !NAMELESS.test(part)) ?? null;
}

/**
 * The name of a model that was picked as a folder. `path` begins with that folder: a browser does not say what it lies in.
 * `origins` are `_name_or_path` of its config.json and its model_index.json, as far as they are there.
 */
export function nameOfPicked(path: string, origins: readonly unknown[], family: string): string {
  const picked = nameInPath(path);
  if (picked !== null) return picked;
  for (const origin of origins) {
    // An id of the hub is a name as it is.
    if (typeof origin === 'string' && /^[\w.-]+\/[\w.-]+$/.test(origin) && !NAMELESS.test(origin.split('/')[1] ?? '')) {
      return origin;
    }
    const name = typeof origin === 'string' ? nameInPath(origin) : null;
    if (name !== null) return name;
  }
  return `unnamed ${family} model`;
}
