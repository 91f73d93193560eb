/** The model with shared modulations of a file in place: the same transformer, whose blocks read another conditioning. */
import * as tf from '@tensorflow/tfjs-core';
import { type NamedBlob, readRange } from '../checkpoint/index.ts';
import type { ModulationEdit } from '../edit/index.ts';
import { fitTensors } from '../export/shared-weights.ts';
import { openModulations } from '../export/trained-file.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { checkFinite, forwardAlong, modulatedBlocks, type PassContext, type Transformer } from '../model/index.ts';
import { sharedConditioning } from '../modulation/index.ts';

/** `edits` are all of the file's; tables among them take no other timesteps than their own and are left out. Throws as `openModulations`. */
export async function withModulations(
  { config, summary }: OpenModel,
  transformer: Transformer,
  edits: readonly ModulationEdit[],
  file: NamedBlob,
): Promise<{ readonly transformer: Transformer; dispose(): void }> {
  const wanted = edits.flatMap((edit, place) =>
    fitTensors(edit, place, config.width).map((one) => ({ ...one, place })),
  );
  const opened = await openModulations(file, { fingerprint: summary.fingerprint, family: config.family }, wanted);
  const tensors = new Map<string, tf.Tensor>();
  for (const { name, part, place, shape } of wanted) {
    const { blob, file: path } = opened.get(name)!;
    const values = new Float32Array((await readRange(blob, path, 0, blob.size)).buffer);
    checkFinite(values, path, name);
    if (part !== 'conditioning') tensors.set(`${place}.${part}`, tf.tensor(values, [...shape]));
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
