/**
 * What training makes of linear maps on the bundled model: held-out errors and the output error of the maps alone, of least squares
 * and after training. `node --import ./scripts/sources.mjs bench/narrow-training.ts EDITS [steps] [learning rate]`, EDITS as in
 * `plan --intervals`: `f8-image.t8-9`; each is trained alone.
 */
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { openModelFolder } from '../lib/compute/folder/file-host.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { batchesFor, measuredInputs, trainMaps } from '../lib/core/distil/index.ts';
import { editKey, parseEditParam } from '../lib/core/edit/index.ts';
import { relativeOutputError } from '../lib/core/edited-model/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import {
  editableModel,
  narrowBlocks,
  narrowSteps,
  openTransformer,
  stepsOf,
  type WeightSet,
} from '../lib/core/model/index.ts';
import { DEFAULT_DISTIL, type StandInError } from '../lib/core/run/index.ts';
import { memoryStates } from '../lib/core/states/index.ts';
import { mapsOnEngine } from '../lib/core/width/index.ts';

const [text = 'f8-image', steps = '500', learningRate = '1e-3', loss = DEFAULT_DISTIL.loss, engine = 'tensorflow'] =
  process.argv.slice(2);
const { signal } = new AbortController();
await nodeEngines().start(engine as 'tensorflow', 1, () => {});
const url = pathToFileURL(`${import.meta.dirname}/../public/models/shapes-mmdit/`).href;
const model = await openModel(await openModelFolder({ kind: 'url', url, name: 'shapes-mmdit' }, nodeSources()));
const { config, checkpoint, summary } = model;
const transformer = await openTransformer(config, checkpoint);
const edits = parseEditParam(text, 'student', editableModel(config), 'EDITS');
const settings = {
  ...DEFAULT_DISTIL,
  steps: Number(steps),
  learningRate: Number(learningRate),
  loss: loss as typeof DEFAULT_DISTIL.loss,
  heldOutEvery: 1_000_000,
  checkpointEvery: 1_000_000,
};
const data = { kind: 'shapes', levels: 'uniform' } as const;
const batches = await batchesFor(model, data, settings);
const measured = await measuredInputs(model, data);

for (const edit of edits) {
  if (edit.on !== 'ffn' && edit.on !== 'text-stream') continue;
  const maps = { store: memoryStates(), owner: 'maps' };
  const errors: StandInError[] = [];
  const startedAt = performance.now();
  const { kept, fitError } = await trainMaps({
    transformer,
    fingerprint: summary.fingerprint,
    edit,
    edits: [edit],
    students: [],
    maps,
    restsOn: '',
    settings,
    batches,
    shared: null,
    resume: null,
    save: async (name, parts) => {
      for await (const _ of parts);
      return { url: name, sizeBytes: 0, sha256: '' };
    },
    onProgress(progress) {
      if (progress.kind === 'held-out') errors.push(progress.point.student);
    },
    signal,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const outputOf = async (owner: string) => {
    const narrow = narrowBlocks(transformer.architecture, [edit]);
    const sets = new Map<number, WeightSet>();
    for (const block of narrow.values()) {
      if (block.maps.length > 0) sets.set(block.index, await mapsOnEngine({ ...maps, owner }, block.index, block.maps));
    }
    const steps = narrowSteps(stepsOf(config.numBlocks, []), narrow, (block) => sets.get(block)!);
    const route = steps.filter((step) => step !== null);
    const { error } = await relativeOutputError(transformer, measured, route, signal);
    for (const set of sets.values()) set.dispose();
    return error;
  };
  const [before, after] = [await outputOf('maps'), await outputOf('trained').catch(() => Number.NaN)];
  const words = (error: StandInError | undefined) =>
    Object.entries(error ?? {})
      .flatMap(([stream, of]) =>
        of ? [`${stream} relative ${(100 * of.relative).toFixed(2)} % direction ${of.direction.toExponential(2)}`] : [],
      )
      .join(', ');
  console.log(
    `${editKey(edit)}: fit ${(100 * (fitError ?? Number.NaN)).toFixed(2)} %, ${kept} kept, ${seconds.toFixed(0)} s`,
  );
  console.log(`  least squares: ${words(errors[0])}; output ${(100 * before).toFixed(3)} %`);
  console.log(`  trained:       ${words(errors.at(-1))}; output ${(100 * after).toFixed(3)} %`);
}
process.exit(0);
