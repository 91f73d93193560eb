/** The model with shared modulations of a file in place: the same transformer, whose blocks read another conditioning. */
import * as tf from '@tensorflow/tfjs-core';
import { type NamedBlob, readRange } from '../checkpoint/index.ts';
import type { ModulationEdit } from '../edit/index.ts';
import { fitTensors } from '../export/shared-weights.ts';
import { openModulations } from '../export/trained-file.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { checkFinite, forwardAlong, modulatedBlocks, type PassContext, type Transformer } from '../model/index.ts';
import { type BasisParts, sharedConditioning, type TableParts } from '../modulation/index.ts';

/** What a file holds for `edits`, which are all of its edits. Throws as `openModulations`, and where a value is not finite. */
export async function readModulations(
  { config, summary }: OpenModel,
  edits: readonly ModulationEdit[],
  file: NamedBlob,
): Promise<{ readonly edit: ModulationEdit; readonly parts: BasisParts | TableParts }[]> {
  const wanted = edits.map((edit, place) => fitTensors(edit, place, config.width));
  const about = { fingerprint: summary.fingerprint, family: config.family };
  const opened = await openModulations(file, about, wanted.flat());
  const values = async (name: string) => {
    const { blob, file: path } = opened.get(name)!;
    const found = new Float32Array((await readRange(blob, path, 0, blob.size)).buffer);
    checkFinite(found, path, name);
    return found;
  };
  const fits = [];
  for (const [place, edit] of edits.entries()) {
    const part = (name: string) => values(`modulation.${place}.${name}`);
    const parts =
      'table' in edit.by
        ? { conditioning: await part('conditioning') }
        : { basis: await part('basis'), directions: await part('directions'), mean: await part('mean') };
    fits.push({ edit, parts });
  }
  return fits;
}

/** `edits` are all of the file's; tables among them take no other timesteps than their own and are left out. Throws as `openModulations`. */
export async function withModulations(
  model: OpenModel,
  transformer: Transformer,
  edits: readonly ModulationEdit[],
  file: NamedBlob,
): Promise<{ readonly transformer: Transformer; dispose(): void }> {
  const { width } = model.config;
  const tensors = new Map<string, tf.Tensor>();
  for (const [place, { parts }] of (await readModulations(model, edits, file)).entries()) {
    if (!('basis' in parts)) continue;
    tensors.set(`${place}.basis`, tf.tensor2d(parts.basis, [parts.basis.length / width, width]));
    tensors.set(`${place}.directions`, tf.tensor2d(parts.directions, [parts.directions.length / width, width]));
    tensors.set(`${place}.mean`, tf.tensor1d(parts.mean));
  }
  const { blocks } = transformer.architecture;
  const shared = edits.flatMap((edit, place) =>
    'rank' in edit.by ? [{ place, blocks: modulatedBlocks(blocks, edit) }] : [],
  );
  return { transformer: conditioned(transformer), dispose: () => tf.dispose([...tensors.values()]) };

  function conditioned(own: Transformer): Transformer {
    const views = new WeakMap<PassContext, { readonly context: PassContext; readonly made: readonly tf.Tensor[] }>();
    const result: Transformer = {
      ...own,
      async begin(inputs) {
        const { state, context } = await own.begin(inputs);
        const conditioning = own.contextTensors(context).get('context.conditioning') as tf.Tensor2D;
        const entries = tf.tidy(() => Object.fromEntries(sharedConditioning(conditioning, tensors, shared)));
        const byBlock = new Map(Object.entries(entries).map(([block, tensor]) => [Number(block), tensor]));
        const view = own.conditioned(context, byBlock);
        views.set(view, { context, made: [...byBlock.values()] });
        return { state, context: view };
      },
      runBlock: (index, state, context) => own.runStep({ kind: 'block', index }, state, context),
      forward: (inputs, route) => forwardAlong(result, inputs, route),
      disposeContext(view) {
        const known = views.get(view);
        if (!known) throw new RangeError('This context is not of this transformer, or was disposed');
        tf.dispose([...known.made]);
        own.disposeContext(known.context);
        views.delete(view);
      },
      // The one underneath is the caller's.
      dispose() {},
    };
    return result;
  }
}
