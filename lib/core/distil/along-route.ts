/** Steps of a route taken from a state, or from the embedded input of a batch; intermediate states are freed on the way. */
import {
  disposeState,
  type PassContext,
  type Route,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';

/** The state after the steps, the caller's own; `state` itself when there is none. */
export async function advance(
  transformer: Transformer,
  state: State,
  context: PassContext,
  steps: Route,
): Promise<State> {
  let current = state;
  const letGo = () => {
    if (current !== state) disposeState(current);
  };
  for (const step of steps) {
    const next = await transformer.runStep(step, current, context).catch((thrown: unknown) => {
      letGo();
      throw thrown;
    });
    letGo();
    current = next;
  }
  return current;
}

/** The state after the steps, from the embedded input on; the caller's own. `context` is that of the same inputs. */
export async function alongRoute(
  transformer: Transformer,
  inputs: TransformerInputs,
  context: PassContext,
  steps: Route,
): Promise<State> {
  const { state, context: unused } = await transformer.begin(inputs);
  transformer.disposeContext(unused);
  if (steps.length === 0) return state;
  try {
    return await advance(transformer, state, context, steps);
  } finally {
    disposeState(state);
  }
}
