/** The contestant of bench/gpu.ts that runs forward passes: `engine folder`, then lines `steps batch`. */
import { noiseLevels } from '../lib/core/capture/calibration.ts';
import { syntheticInputs } from '../lib/core/capture/synthetic-calibration.ts';
import type { TransformerInputs } from '../lib/core/model/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { answerTurns, startEngine } from './answer-turns.ts';
import { openSample, SAMPLE_FOLDERS } from './sample-model.ts';

const SEED = 7;
/** Enough to compare engines by. */
const VALUES = 4096;

const [engine, folder] = process.argv.slice(2);
await startEngine(engine);
const transformer = await openSample(folder ?? SAMPLE_FOLDERS[0]);
const made = new Map<string, TransformerInputs>();

await answerTurns(async (batch) => {
  let inputs = made.get(batch);
  if (!inputs) {
    const levels = Float32Array.from(noiseLevels(Number(batch)));
    inputs = syntheticInputs(transformer.config, seededRandom(SEED), levels.length, () => levels);
    made.set(batch, inputs);
  }
  return Array.from((await transformer.forward(inputs)).subarray(0, VALUES));
});
