/** How far an edited model's output is from the whole model's. */
import type { Route, Transformer, TransformerInputs } from '../model/index.ts';
import { pause } from '../pause.ts';

/** ‖v̂ − v‖_F / ‖v‖_F of one forward pass, over all batches. */
export async function relativeOutputError(
  transformer: Transformer,
  batches: readonly TransformerInputs[],
  route: Route,
  signal: AbortSignal,
): Promise<number> {
  let [difference, total] = [0, 0];
  for (const inputs of batches) {
    await pause(signal);
    const whole = await transformer.forward(inputs);
    const own = await transformer.forward(inputs, route);
    for (let i = 0; i < whole.length; i++) {
      difference += (own[i]! - whole[i]!) ** 2;
      total += whole[i]! ** 2;
    }
  }
  return Math.sqrt(difference / total);
}
