/** How far an edited model's output is from the whole model's. */
import type { Route, Transformer, TransformerInputs } from '../model/index.ts';
import { pause } from '../pause.ts';
import type { Interval } from '../quantile.ts';
import { relativeErrorBounds, type SampleError, sampleErrors } from '../relative-error.ts';

export interface OutputError {
  /** ‖v̂ − v‖_F / ‖v‖_F of one forward pass, over all batches. */
  readonly error: number;
  /** 95 % bootstrap over prompts; null for one prompt alone. */
  readonly bounds: Interval | null;
}

export interface MeasuredSamples {
  readonly batches: readonly TransformerInputs[];
  /** The prompt of each sample, over all batches. */
  readonly groups: readonly number[];
}

export async function relativeOutputError(
  transformer: Transformer,
  { batches, groups }: MeasuredSamples,
  route: Route,
  signal: AbortSignal,
  /** What takes the route, where its conditioning is another one. */
  edited: Transformer = transformer,
): Promise<OutputError> {
  const samples: SampleError[] = [];
  for (const inputs of batches) {
    await pause(signal);
    const whole = await transformer.forward(inputs);
    samples.push(...sampleErrors(whole, await edited.forward(inputs, route), inputs.batch));
  }
  const [difference, total] = [
    samples.reduce((sum, s) => sum + s.difference, 0),
    samples.reduce((sum, s) => sum + s.whole, 0),
  ];
  return { error: Math.sqrt(difference / total), bounds: relativeErrorBounds(samples, groups) };
}
