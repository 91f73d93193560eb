/** A forward pass of a model with edits in place, differentiable in whatever weights are handed in. */
import type * as tf from '@tensorflow/tfjs-core';
import type { ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  type BlockStep,
  modulatedBlocks,
  type PassContext,
  type State,
  type Transformer,
  type WeightSet,
} from '../model/index.ts';
import { type BasisParts, type SharedBlocks, sharedConditioning } from '../modulation/index.ts';

/** A shared modulation by rank, and its place among the edits of modulations. */
export interface RankedEdit {
  readonly edit: ModulationEdit;
  readonly parts: BasisParts;
  readonly place: number;
}

export function sharedBlocksOf({ architecture }: Transformer, ranks: readonly RankedEdit[]): SharedBlocks[] {
  return ranks.map(({ edit, place }) => ({ place, blocks: modulatedBlocks(architecture.blocks, edit) }));
}

/** Of a student; null where the model's own block runs. */
export function ownWeights(step: BlockStep): WeightSet | null {
  return step.kind === 'block' ? null : step.weights;
}

/**
 * Output tokens [B, Ni, p²·out]. `weightsAt` gives all weights of a step, maps included, by its position; `modulations` the tensors
 * that `sharedConditioning` reads. Call inside tf.tidy or a gradient. Throws `checkpoint-unsupported` for shared modulations of a
 * model whose tokens have several conditionings.
 */
export function runEdited(
  transformer: Transformer,
  steps: readonly Pick<BlockStep, 'index' | 'carriesText'>[],
  weightsAt: (position: number) => WeightSet,
  start: State,
  context: PassContext,
  shared: { readonly edits: readonly SharedBlocks[]; readonly modulations: ReadonlyMap<string, tf.Tensor> },
): tf.Tensor3D {
  const view = shared.edits.length > 0 ? sharedView(transformer, context, shared) : context;
  let state = start;
  for (const [position, { index, carriesText = false }] of steps.entries()) {
    const wanted = position < steps.length - 1 ? 'updated' : 'output';
    state = transformer.applyBlock(index, weightsAt(position), state, view, wanted, carriesText);
  }
  return transformer.project(state, view);
}

function sharedView(
  transformer: Transformer,
  context: PassContext,
  { edits, modulations }: Parameters<typeof runEdited>[5],
): PassContext {
  const all = transformer.contextTensors(context);
  const conditioning = all.get('context.conditioning');
  if (!conditioning || all.has('context.imageTimes.conditioning')) {
    throw new ContiguaError('checkpoint-unsupported', 'Shared modulations of this model are not trained', {
      found: `${transformer.config.family} with image tokens at several times`,
      expected: 'one conditioning for all tokens',
      hint: 'Fit them in closed form: `contigua plan --modulation` and `contigua export --plan`.',
    });
  }
  return transformer.conditioned(context, sharedConditioning(conditioning as tf.Tensor2D, modulations, edits));
}
