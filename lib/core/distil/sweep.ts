/**
 * Batches through the teacher together, block after block: every batch passes a block before the next one is read, so that
 * a model that does not fit in memory is read once for all of them and not once for each. The bits are those of the batches
 * one by one.
 */
import {
  type BlockSteps,
  disposeState,
  type PassContext,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { pause } from '../pause.ts';

/** A batch on its way. Owned by the caller: end it with `endPass`. */
export interface SweepPass {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  state: State;
  /** The block that the state follows; −1 is the embedded input. */
  block: number;
}

export async function beginPass(transformer: Transformer, inputs: TransformerInputs): Promise<SweepPass> {
  const { state, context } = await transformer.begin(inputs);
  return { inputs, context, state, block: -1 };
}

export function endPass(transformer: Transformer, { state, context }: SweepPass): void {
  disposeState(state);
  transformer.disposeContext(context);
}

/**
 * Takes the passes to the state after block `last`; `visit` sees each after every block and owns nothing. `steps` are what runs at
 * each block where that is not the model's own blocks.
 */
export async function sweep<P extends SweepPass>(
  transformer: Transformer,
  passes: readonly P[],
  last: number,
  visit: (pass: P) => Promise<void>,
  signal?: AbortSignal,
  steps: BlockSteps | null = null,
): Promise<void> {
  const first = Math.min(...passes.map(({ block }) => block)) + 1;
  for (let block = first; block <= last; block++) {
    for (const pass of passes) {
      if (pass.block >= block) continue;
      await pause(signal);
      const step = steps ? steps[block] : ({ kind: 'block', index: block } as const);
      if (step) {
        const next = await transformer.runStep(step, pass.state, pass.context);
        disposeState(pass.state);
        pass.state = next;
      }
      pass.block = block;
      await visit(pass);
    }
  }
}
