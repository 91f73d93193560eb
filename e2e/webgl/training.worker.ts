/** What training asks of WebGL: the gradients of blocks of every family beside PyTorch's, and no texture left behind. */
import * as tf from '@tensorflow/tfjs-core';
import { browserEngines } from '../../lib/compute/engines/browser-engines.ts';
import {
  type BlockGolden,
  type GradientDeviations,
  gradientDeviations,
} from '../../lib/core/distil/goldens/gradient-deviations.ts';
import { FAMILIES } from '../../lib/core/model/families.ts';
import flux from '../../lib/core/model/flux/goldens/block-gradients.json' with { type: 'json' };
import flux2 from '../../lib/core/model/flux2/goldens/block-gradients.json' with { type: 'json' };
import { goldenCase } from '../../lib/core/model/golden-fill.ts';
import qwenImage from '../../lib/core/model/qwen-image/goldens/block-gradients.json' with { type: 'json' };
import sd3 from '../../lib/core/model/sd3/goldens/block-gradients-s3.json' with { type: 'json' };
import '../../lib/core/tensor/gradients.ts';

export interface TrainingOnWebgl {
  readonly device: string;
  readonly blocks: readonly (GradientDeviations & { readonly of: string })[];
  readonly tensorsLeft: number;
  readonly bytesLeft: number;
  /** Of textures, those kept for reuse included, after this much training. */
  readonly bytesAllocated: number;
}

const GOLDENS = [qwenImage, flux, sd3, flux2] as unknown as readonly {
  readonly case: string;
  readonly blocks: readonly BlockGolden[];
}[];

async function train(): Promise<TrainingOnWebgl> {
  const { device } = await browserEngines().start('webgl');
  const specs = (await Promise.all(FAMILIES.map((family) => family.goldens()))).flat();
  const before = tf.memory().numTensors;
  const blocks: TrainingOnWebgl['blocks'][number][] = [];
  for (const golden of GOLDENS) {
    const spec = specs.find(({ name }) => name === golden.case);
    if (!spec) throw new RangeError(`No family has the golden case ${golden.case}`);
    for (const block of golden.blocks) {
      blocks.push({
        of: `block ${block.block} of ${golden.case}`,
        ...(await gradientDeviations(goldenCase(spec), block)),
      });
    }
  }
  const memory: tf.MemoryInfo & { readonly numBytesInGPU?: number; readonly numBytesInGPUAllocated?: number } =
    tf.memory();
  return {
    device,
    blocks,
    tensorsLeft: memory.numTensors - before,
    bytesLeft: memory.numBytesInGPU ?? Number.NaN,
    bytesAllocated: memory.numBytesInGPUAllocated ?? Number.NaN,
  };
}

train().then(
  (result) => self.postMessage(result),
  (thrown) => self.postMessage({ failure: String(thrown?.stack ?? thrown) }),
);
