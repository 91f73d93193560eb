/** The forms in which a trained model leaves the product: server, terminal and page offer these. A new one is a file and a line here. */
import { ContiguaError } from '../errors.ts';
import { diffusers } from './diffusers/exporter.ts';
import type { Exporter, OutputFile } from './exporter.ts';
import type { TrainedModel } from './trained-model.ts';

export const EXPORTERS: readonly [Exporter, ...Exporter[]] = [diffusers];
export const DEFAULT_EXPORTER = diffusers;

/** Throws `usage` for a name that none has. */
export function exporterNamed(name: string): Exporter {
  const exporter = EXPORTERS.find((one) => one.name === name);
  if (exporter) return exporter;
  throw new ContiguaError('usage', 'There is no export of that name', {
    found: name,
    expected: EXPORTERS.map((one) => one.name).join(', '),
  });
}

/** Rejects with `checkpoint-unsupported` where the exporter does not accept the model. */
export async function exportModel(
  { label, accepts, files }: Pick<Exporter, 'label' | 'accepts' | 'files'>,
  model: TrainedModel,
): Promise<readonly OutputFile[]> {
  const verdict = accepts(model);
  if (verdict.accepted) return await files(model);
  throw new ContiguaError('checkpoint-unsupported', `The model cannot be exported as a ${label}`, {
    found: verdict.why,
  });
}
