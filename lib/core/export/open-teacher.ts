/**
 * The files of a model folder as the teacher of an export: which of them go along, and where the transformer lies. Not in
 * index.ts, because pages do not open models.
 */
import type { NamedBlob } from '../checkpoint/index.ts';
import { COMPANIONS, locateModel } from '../folder/model-files.ts';
import { openStoredModel } from '../model/config-index.ts';
import type { Teacher } from './trained-model.ts';

/** What a card says and what the sample's own loader wants; a text encoder or VAE of gigabytes stays with the base model. */
const ALWAYS = ['README.md', 'LICENSE', 'LICENSE.md', 'LICENSE.txt'];
const DRAWABLE = [...Object.values(COMPANIONS), 'model_index.json'];

/** `files` are all of the folder's, paths relative to it. */
export async function openTeacher(files: readonly NamedBlob[], name: string): Promise<Teacher> {
  const { config: configFile, weights, folder: transformer, companions } = locateModel(files, name);
  const { config, checkpoint } = await openStoredModel(configFile, weights);
  const root = transformer.slice(0, Math.max(transformer.lastIndexOf('/') + 1, 0));
  const isDrawable = Object.values(companions).every((file) => file !== null);
  const wanted = isDrawable ? [...ALWAYS, ...DRAWABLE] : ALWAYS;
  return {
    name,
    config,
    checkpoint,
    folder: transformer.slice(root.length),
    companions: wanted.flatMap((path) => {
      const file = files.find((one) => one.path === root + path);
      return file ? [{ path, blob: file.blob }] : [];
    }),
  };
}
