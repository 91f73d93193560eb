/** Models as people store them: 8-bit floats with scales, GGUF, and single files in original layouts. */

import { ggufFile } from '../../lib/core/checkpoint/gguf/testing.ts';
import { openWeightsFile } from '../../lib/core/checkpoint/index.ts';
import { sparseBlob } from '../../lib/core/checkpoint/testing.ts';
import { openTeacher } from '../../lib/core/export/open-teacher.ts';
import { openModel } from '../../lib/core/folder/open-model.ts';
import { checkWeights } from '../../lib/core/model/check-weights.ts';
import { expectedTensors } from '../../lib/core/model/config-index.ts';
import { FLUX_LAYOUTS } from '../../lib/core/model/flux/original.ts';
import type { SeededRandom } from '../../lib/core/random.ts';
import { originalFile } from '../../lib/testing/original-file.ts';
import { storedBytes, storedCase } from '../../lib/testing/stored/index.ts';
import { mutateJsonFile, mutateSafetensors, pick } from './mutate.ts';
import { mutateGguf } from './mutate-gguf.ts';
import { changeTensors } from './mutate-tensors.ts';
import type { Bytes } from './seeds.ts';
import type { Files, Target } from './target.ts';

const blackForestLabs = FLUX_LAYOUTS[0]!;
const original = storedCase('original');
const singleFile = await originalFile(original, blackForestLabs);
const wrapped = await originalFile(original, blackForestLabs, 'model.diffusion_model.');
const configOf = (name: Parameters<typeof storedCase>[0]): Bytes =>
  new TextEncoder().encode(JSON.stringify(storedCase(name).config.raw));
const fluxConfig = configOf('original');
const qwenConfig = configOf('qwen-scaled-markers.safetensors');

const named = (files: Files) => Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));

/** As page and terminal open it; then every weight is checked and read, and a part of one as an export reads it. */
async function readModel(files: Files, random: SeededRandom): Promise<void> {
  await openModel({ files: named(files), name: 'tiny' });
  const { config, checkpoint } = await openTeacher(named(files), 'tiny');
  checkWeights(checkpoint, config);
  const expected = expectedTensors(config);
  const names = expected.map(({ name }) => name);
  for await (const { values } of checkpoint.readEach(names.slice(0, 200))) values.at(-1);
  const { name, shape } = pick(random, expected);
  await checkpoint.readFloat32(name, 0, random.integer(shape.reduce((product, n) => product * n, 1) + 1));
}

/** Half of them stay well-formed. */
function damaged(random: SeededRandom, bytes: Bytes): Bytes {
  return random.integer(2) === 0 ? changeTensors(random, bytes) : mutateSafetensors(random, bytes);
}

function withConfig(random: SeededRandom, config: Bytes): Files {
  if (random.integer(4) === 0) return {};
  return { 'config.json': random.integer(20) === 0 ? mutateJsonFile(random, config) : config };
}

/** A header that claims a tensor above the limit of one, of whatever type, in a file of as many zeros. */
async function readHuge(random: SeededRandom): Promise<unknown> {
  const size = 2 ** (36 + random.integer(10));
  const type = pick(random, [0, 1, 2, 8, 12, 14, 30]);
  const head = ggufFile({
    alignment: pick(random, [32, 2 ** 20]),
    tensors: [{ name: 't', dimensions: [256n, BigInt(size) / 2048n], type, bytes: new Uint8Array() }],
    keys: [{ key: 'k', words: [], ...(random.integer(2) === 0 ? { length: BigInt(size) / 16n } : {}) }],
  });
  const checkpoint = await openWeightsFile({ path: 'huge.gguf', blob: sparseBlob(size, head) });
  return await checkpoint.readFloat32('t', 1000, 2000).then(() => checkpoint.readFloat32('t'));
}

export const STORED_TARGETS: readonly Target[] = [
  {
    kind: 'GGUF',
    damage: (random) =>
      random.integer(50) === 0
        ? {}
        : { ...withConfig(random, fluxConfig), 'model.gguf': mutateGguf(random, storedBytes('flux.gguf')) },
    read: async (files, random) => (files['model.gguf'] ? await readModel(files, random) : await readHuge(random)),
  },
  {
    kind: '8-bit floats with scales',
    damage: (random) => {
      const [file, config] = pick(random, [
        ['flux-scaled.safetensors', fluxConfig],
        ['qwen-scaled-markers.safetensors', qwenConfig],
        ['qwen-scaled-metadata.safetensors', qwenConfig],
      ] as const);
      return { ...withConfig(random, config), 'model.safetensors': damaged(random, storedBytes(file)) };
    },
    read: readModel,
  },
  {
    kind: 'original layout',
    damage: (random) => ({
      ...withConfig(random, fluxConfig),
      'model.safetensors': damaged(random, pick(random, [singleFile, wrapped])),
    }),
    read: readModel,
  },
];
