/**
 * A model of which config.json alone is here: its blocks, parameters and operations can be counted, edits chosen and the config of what is
 * left written. Whatever needs weights says so (`Session.model` in lib/compute/session.ts).
 */
import { fingerprintOf } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { familyNamed, type ModelConfig, readModelConfig } from '../model/config-index.ts';
import { configWithoutWeights } from './model-files.ts';
import { nameOfPicked } from './model-name.ts';
import { describedModel, type ModelSummary } from './model-summary.ts';
import type { ModelFolder } from './open-model.ts';

/** Null where weights are beside it, or should be. Throws `config-invalid` for a config that is not of a known family. */
export async function configAlone({ files, name, isPicked }: ModelFolder): Promise<ModelSummary | null> {
  const file = configWithoutWeights(files, name);
  if (!file) return null;
  const config = await readModelConfig(file);
  const called = isPicked ? nameOfPicked(`${name}/${file.path}`, [config.raw._name_or_path], config.family) : name;
  const stored = { fingerprint: await fingerprintOfConfig(config), dtypes: [], sizeBytes: 0, files: 0 };
  return { ...describedModel(called, config, stored, null), configAlone: true };
}

/** Of no model with weights, whose tensors take part in its own: what is made of a config is never taken for theirs. */
function fingerprintOfConfig({ family, raw }: ModelConfig): Promise<string> {
  return fingerprintOf(familyNamed(family).identity, raw, { tensors: new Map(), readBytes: noBytes });
}

const noBytes: (tensor: string) => Promise<Uint8Array> = async (tensor) => {
  throw new ContiguaError('weight-missing', 'There are no weights', { tensor });
};

/** Throws `checkpoint-incomplete` where only the config.json of the model is here. `what` needs weights, as "A report". */
export function assertWeights(
  { configAlone: isAlone, name }: Pick<ModelSummary, 'configAlone' | 'name'>,
  what: string,
): void {
  if (isAlone) throw withoutWeights(name, what);
}

export function withoutWeights(name: string, what: string): ContiguaError {
  return new ContiguaError('checkpoint-incomplete', `${what} needs the weights of the model`, {
    file: name,
    found: 'config.json alone',
    expected: 'its folder, with config.json and the weights',
    hint: 'Without weights blocks, parameters and operations are counted, edits chosen by hand, and the config of what is left is written.',
  });
}
