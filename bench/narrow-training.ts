/**
 * What training makes of linear maps on the bundled model: held-out errors and the output error of the maps alone, of least squares
 * and after training. `node --import ./scripts/sources.mjs bench/narrow-training.ts EDITS [steps] [learning rate] [pictures]`,
 * EDITS as in `plan --intervals`: `f8-image.t8-9.m8`; each is trained alone. `pictures` count facts with shared modulations.
 */
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { openModelFolder } from '../lib/compute/folder/file-host.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { findModulations } from '../lib/compute/modulations.ts';
import { batchesFor, measuredInputs, trainMaps, trainModulations } from '../lib/core/distil/index.ts';
import { editKey, type ModulationEdit, parseEditParam } from '../lib/core/edit/index.ts';
import { drawHeldOut, relativeOutputError, withModulations } from '../lib/core/edited-model/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import {
  editableModel,
  narrowBlocks,
  narrowSteps,
  openTransformer,
  routeOf,
  stepsOf,
  type WeightSet,
} from '../lib/core/model/index.ts';
import { modulationsFile } from '../lib/core/modulation/index.ts';
import { DEFAULT_DISTIL, type StandInError } from '../lib/core/run/index.ts';
import { COUNTED_PICTURES } from '../lib/core/shapes/index.ts';
import { memoryStates } from '../lib/core/states/index.ts';
import { mapsOnEngine } from '../lib/core/width/index.ts';

const [text = 'f8-image', steps = '500', learningRate = '1e-3', drawn = '0'] = process.argv.slice(2);
const pictures = Number(drawn);
const { signal } = new AbortController();
await nodeEngines().start('tensorflow', 1, () => {});
const url = pathToFileURL(`${import.meta.dirname}/../public/models/shapes-mmdit/`).href;
const model = await openModel(await openModelFolder({ kind: 'url', url, name: 'shapes-mmdit' }, nodeSources()));
const { config, checkpoint, summary } = model;
const transformer = await openTransformer(config, checkpoint);
const edits = parseEditParam(text, 'student', editableModel(config), 'EDITS');
const settings = {
  ...DEFAULT_DISTIL,
  steps: Number(steps),
  learningRate: Number(learningRate),
  heldOutEvery: 1_000_000,
  checkpointEvery: 1_000_000,
};
const data = { kind: 'shapes', levels: 'uniform' } as const;
const batches = await batchesFor(model, data, settings);
const measured = await measuredInputs(model, data);

for (const edit of edits) {
  if (edit.on === 'modulation') await trainShared(edit);
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

/** Facts of so many captions, where some are asked for. */
async function trainShared(edit: ModulationEdit): Promise<void> {
  const context = { signal, onProgress: () => {} };
  const { found } = await findModulations(model, transformer, [{ blocks: edit.blocks, by: edit.by }], null, context);
  const errors: number[] = [];
  const startedAt = performance.now();
  const parts: BlobPart[] = [];
  const { kept, fitError } = await trainModulations({
    transformer,
    fingerprint: summary.fingerprint,
    starts: found,
    route: routeOf(config.numBlocks, []),
    restsOn: '',
    settings,
    batches,
    resume: null,
    save: async (name, bytes) => {
      for await (const part of bytes) parts.push(Uint8Array.from(part));
      return { url: name, sizeBytes: 0, sha256: '' };
    },
    onProgress(progress) {
      if (progress.kind === 'held-out') errors.push(progress.point.student.image?.relative ?? Number.NaN);
    },
    signal,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const percent = (error: number | undefined | null) => `${(100 * (error ?? Number.NaN)).toFixed(3)} %`;
  console.log(`${editKey(edit)}: modulations ${percent(fitError)}, ${kept} kept, ${seconds.toFixed(0)} s`);
  console.log(`  output, held out: closed form ${percent(errors[0])}, trained ${percent(errors.at(-1))}`);
  if (pictures === 0 || !model.drawer) return;
  const { family, width } = summary;
  const files = [
    ['closed form', modulationsFile(found, { fingerprint: summary.fingerprint, family, width })],
    [kept === 'trained' ? 'trained' : 'kept', { path: 'modulations.safetensors', blob: new Blob(parts) }],
  ] as const;
  for (const [name, file] of files) {
    const shared = await withModulations(model, transformer, [edit], file);
    const asked = { route: routeOf(config.numBlocks, []), ...COUNTED_PICTURES, pictures };
    const { facts } = await drawHeldOut(shared.transformer, model.drawer, asked, signal, () => {});
    console.log(`  ${name}: ${facts.held} of ${facts.total} facts of ${pictures} captions`);
    shared.dispose();
  }
}
