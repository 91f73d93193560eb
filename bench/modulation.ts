/**
 * What shared modulations cost, by rank: error of the modulations at held-out timesteps, of the model's output on held-out samples,
 * and facts of held-out captions in the pictures that the model draws, with Wilson's 95 %. The basis of the conditioning alone, which
 * does not look at the matrices, stands beside that of the modulations; a table over the drawing's own timesteps ends the list, its output
 * error on the same samples at the table's timesteps that lie nearest. `--ranks none` measures the table alone.
 * `node --import ./scripts/sources.mjs bench/modulation.ts [--ranks 1,2,4,8,16,96] [--captions 48] [--engine auto]`
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { type ModulationEdit, modulationEdit } from '../lib/core/edit/index.ts';
import { drawerOf, drawHeldOut } from '../lib/core/edited-model/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import { countParameters, editedModel, openTransformer, type Transformer } from '../lib/core/model/index.ts';
import {
  conditioningsAt,
  fitModulations,
  modulationsFile,
  scheduledTimesteps,
  sharedModel,
  visitedTimesteps,
} from '../lib/core/modulation/index.ts';
import { relativeError, relativeErrorBounds, type SampleError, sampleErrors } from '../lib/core/relative-error.ts';
import { COUNTED_PICTURES } from '../lib/core/shapes/index.ts';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { wilsonInterval } from '../lib/core/wilson-interval.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'public/models/shapes-mmdit' },
    engine: { type: 'string', default: 'auto' },
    ranks: { type: 'string', default: '1,2,3,4,6,8,12,16,32,96' },
    captions: { type: 'string', default: '48' },
    samples: { type: 'string', default: '64' },
  },
});
const signal = new AbortController().signal;
await nodeEngines().start(WANTED_ENGINES.find((name) => name === values.engine) ?? 'auto');
const files = await nodeFiles.openFolder(pathToFileURL(resolve(values.model)).href);
const model = await openModel({ files, name: values.model });
const { config, checkpoint, summary } = model;
const { fingerprint, family } = summary;
const drawer = drawerOf(model);
const schedule = { scheduler: drawer.scheduler, imageTokens: drawer.gridSize ** 2 };
const timesteps = visitedTimesteps(config, schedule);
const whole = await openTransformer(config, checkpoint);
const { batches } = await calibrationFor(model, {
  kind: 'shapes',
  samples: Number(values.samples),
  timesteps: 8,
  seed: 91,
});
const expected: Float32Array[] = [];
for (const inputs of batches) expected.push(await whole.forward(inputs));
const steps = scheduledTimesteps(config, schedule, COUNTED_PICTURES.steps);

console.log(`${timesteps.about}\n`);
console.log(
  '| modulations | parameters | error of modulations, held out | of the conditioning’s own basis | output error | facts right |',
);
console.log('|---|---|---|---|---|---|');
const wholeFacts = await factsOf(whole);
const all = countParameters(config).total;
console.log(`| whole | ${all.toLocaleString('en-US')} | 0 | 0 | 0 | ${wholeFacts} |`);
const ranks = values.ranks === 'none' ? [] : values.ranks.split(',').map(Number);
if (ranks.length > 0) await linesOf(ranks);
const edit = modulationEdit({ table: steps });
const conditioning = await conditioningsAt(whole, Float32Array.from(steps));
await line(`table of ${steps.length} timesteps`, edit, { conditioning }, '0 at these', '', steps);

async function linesOf(ranks: readonly number[]): Promise<void> {
  const fit = await fitModulations(model, whole, { blocks: 'all', timesteps });
  const plain = await fitModulations(model, whole, { blocks: 'all', timesteps, of: 'conditioning' });
  for (const rank of ranks) {
    const edit = modulationEdit({ rank });
    await line(`rank ${rank}`, edit, fit.partsAt(rank), percent(fit.errors[rank]), percent(plain.errors[rank]), null);
  }
}

async function line(
  name: string,
  edit: ModulationEdit,
  parts: Parameters<typeof modulationsFile>[0][number]['parts'],
  error: string,
  other: string,
  /** The only timesteps that the model takes; null where it takes all. */
  taken: readonly number[] | null,
): Promise<void> {
  const file = modulationsFile([{ edit, parts }], { fingerprint, family, width: config.width });
  const shared = await sharedModel({ config, checkpoint, fingerprint }, [edit], file);
  const transformer = await openTransformer(shared.config, shared.checkpoint);
  const { parameters } = editedModel(config, [edit]);
  const count = `${parameters.toLocaleString('en-US')} (${((100 * parameters) / all).toFixed(1)} %)`;
  const output = await outputError(transformer, taken);
  console.log(`| ${name} | ${count} | ${error} | ${other} | ${output} | ${await factsOf(transformer)} |`);
  transformer.dispose();
}

async function outputError(transformer: Transformer, taken: readonly number[] | null): Promise<string> {
  const errors: SampleError[] = [];
  for (const [i, given] of batches.entries()) {
    const inputs = taken ? { ...given, timestep: given.timestep.map((time) => nearest(taken, time)) } : given;
    const right = taken ? await whole.forward(inputs) : expected[i]!;
    errors.push(...sampleErrors(right, await transformer.forward(inputs), inputs.batch));
  }
  const bounds = relativeErrorBounds(errors);
  const range = bounds ? ` (${percent(bounds.low)} to ${percent(bounds.high)})` : '';
  return `${percent(relativeError(errors) ?? Number.NaN)}${range}`;
}

function nearest(times: readonly number[], time: number): number {
  return times.reduce((best, one) => (Math.abs(one - time) < Math.abs(best - time) ? one : best));
}

async function factsOf(transformer: Transformer): Promise<string> {
  if (Number(values.captions) === 0) return 'not drawn';
  const asked = { ...COUNTED_PICTURES, pictures: Number(values.captions), route: undefined };
  const { facts } = await drawHeldOut(transformer, drawer, asked, signal, () => undefined);
  const { low, high } = wilsonInterval(facts.held, facts.total);
  return `${facts.held} of ${facts.total}: ${percent(facts.held / facts.total)} (${percent(low)} to ${percent(high)})`;
}

function percent(share: number | undefined): string {
  return share === undefined ? 'n/a' : `${(100 * share).toPrecision(3)} %`;
}
