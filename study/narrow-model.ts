/**
 * A sample model with any choice in place, as an export would write it, without writing: students first, then linear maps and shared
 * modulations, both in closed form from the model that the students leave.
 */
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { type Checkpoint, openCheckpoint } from '../lib/core/checkpoint/index.ts';
import {
  type EditSet,
  editSetOf,
  type ModulationEdit,
  type TextStreamEdit,
  type WidthEdit,
} from '../lib/core/edit/index.ts';
import type { StudentEdit } from '../lib/core/edited-model/index.ts';
import { studentWeights } from '../lib/core/export/student-weights.ts';
import { weightFiles } from '../lib/core/export/weight-files.ts';
import {
  editableModel,
  editedModel,
  type ModelConfig,
  narrowBlocks,
  narrowSteps,
  openTransformer,
  prunedModel,
  type Route,
  stepsOf,
  type Transformer,
  type WeightSet,
} from '../lib/core/model/index.ts';
import { modulationsFile, sharedModel } from '../lib/core/modulation/index.ts';
import { blockMapOf } from '../lib/core/plan/block-map.ts';
import { memoryStates } from '../lib/core/states/index.ts';
import { fitWidth, mapsOnEngine } from '../lib/core/width/index.ts';
import { CALIBRATION } from './calibration.ts';
import { fittedModulations } from './narrow-start.ts';
import type { Sample } from './sample.ts';

export interface NarrowChoice {
  readonly students: readonly StudentEdit[];
  /** By block of the teacher; those of text groups and feed-forward layers lie outside the students' runs. */
  readonly width: readonly WidthEdit[];
}

interface Whole {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
}

/** The model, and the way through it with its linear maps; undefined where there are none. */
export interface NarrowedModel {
  readonly transformer: Transformer;
  readonly route: Route | undefined;
  readonly parameters: number;
  dispose(): void;
}

export async function narrowedModel(sample: Sample, { students, width }: NarrowChoice): Promise<NarrowedModel> {
  const { config, checkpoint } = sample.model;
  const { fingerprint } = sample.model.summary;
  const blockMap = blockMapOf(config.numBlocks, students);
  const kept = blockMap.flatMap((entry) => (entry.new === null ? [] : [entry.old]));
  const written = await studentWeights({
    ...{ config, fingerprint, checkpoint, blockMap },
    fineTuned: null,
    students: students.map(({ first, last, file }) => ({ interval: { first, last }, file })),
    dtype: 'F32',
    checkValues: false,
  });
  const pruned: Whole = {
    config: prunedModel(config, kept),
    checkpoint: await openCheckpoint(weightFiles(written, Number.POSITIVE_INFINITY)),
  };
  const edits = editSetOf(
    width.map((edit) => renumbered(edit, kept)),
    editableModel(pruned.config),
    'the arm',
  );
  const { route, dispose } = await routeWithMaps(sample, pruned, edits);
  const shared = await withModulations(sample, pruned, edits);
  const transformer = await openTransformer(shared.config, shared.checkpoint);
  return {
    transformer,
    route,
    parameters: editedModel(pruned.config, edits).parameters,
    dispose() {
      dispose();
      transformer.dispose();
    },
  };
}

/** Text groups and feed-forward layers, fitted as an export fits them: before modulations are shared. */
async function routeWithMaps(sample: Sample, { config, checkpoint }: Whole, edits: EditSet) {
  const mapped = edits.filter((edit) => edit.on !== 'modulation');
  if (mapped.length === 0) return { route: undefined, dispose() {} };
  const [store, owner] = [memoryStates(), 'arm'];
  const sets = new Map<number, WeightSet>();
  const calibration = await calibrationFor(sample.model, CALIBRATION);
  const transformer = await openTransformer(config, checkpoint);
  const narrow = narrowBlocks(transformer.architecture, mapped);
  try {
    await fitWidth(transformer, calibration, mapped, { ridge: DEFAULT_RIDGE, store, owner });
  } finally {
    transformer.dispose();
  }
  for (const { index, maps } of narrow.values()) sets.set(index, await mapsOnEngine({ store, owner }, index, maps));
  await store.dispose();
  const steps = narrowSteps(stepsOf(config.numBlocks, []), narrow, (block) => sets.get(block)!);
  return {
    route: steps.filter((step) => step !== null),
    dispose() {
      for (const set of sets.values()) set.dispose();
    },
  };
}

async function withModulations(sample: Sample, whole: Whole, all: EditSet): Promise<Whole> {
  const edits = all.filter((edit): edit is ModulationEdit => edit.on === 'modulation');
  const [edit] = edits;
  if (!edit) return whole;
  const { by } = edit;
  if (edits.length > 1 || !('rank' in by)) throw new Error('The study shares modulations by one rank');
  const { summary } = sample.model;
  const transformer = await openTransformer(whole.config, whole.checkpoint);
  try {
    const fit = await fittedModulations(sample.model, whole, transformer, edit);
    const { fingerprint, family } = summary;
    const about = { fingerprint, family, width: whole.config.width };
    const file = modulationsFile([{ edit, parts: fit.partsAt(by.rank) }], about);
    return await sharedModel({ ...whole, fingerprint }, [edit], file);
  } finally {
    transformer.dispose();
  }
}

/** The edit in the numbers of the blocks that students leave. */
function renumbered(edit: WidthEdit, kept: readonly number[]): WidthEdit {
  const place = (block: number) => {
    const found = kept.indexOf(block);
    if (found < 0) throw new Error(`Block ${block} is gone`);
    return found;
  };
  if (edit.on === 'ffn') return { ...edit, block: place(edit.block) };
  if (edit.on === 'text-stream') return { ...edit, ...placedRange(edit, place) };
  return edit.blocks === 'all'
    ? edit
    : { ...edit, blocks: edit.blocks.flatMap((block) => (kept.includes(block) ? place(block) : [])) };
}

function placedRange({ first, last }: TextStreamEdit, place: (block: number) => number) {
  return { first: place(first), last: place(last) };
}
