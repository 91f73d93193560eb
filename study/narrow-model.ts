/**
 * A sample model with any choice in place, as an export would write it, without writing: students first, then linear maps and shared
 * modulations, both in closed form from the model that the students leave.
 */
import { openCheckpoint } from '../lib/core/checkpoint/index.ts';
import { type EditSet, editSetOf, type TextStreamEdit, type WidthEdit } from '../lib/core/edit/index.ts';
import type { StudentEdit } from '../lib/core/edited-model/index.ts';
import { studentWeights } from '../lib/core/export/student-weights.ts';
import { weightFiles } from '../lib/core/export/weight-files.ts';
import {
  editableModel,
  editedModel,
  openTransformer,
  prunedModel,
  type Route,
  type Transformer,
} from '../lib/core/model/index.ts';
import { modulationsFile, sharedModel } from '../lib/core/modulation/index.ts';
import { blockMapOf } from '../lib/core/plan/block-map.ts';
import { narrowStart, type Whole } from './narrow-start.ts';
import type { Sample } from './sample.ts';

export interface NarrowChoice {
  readonly students: readonly StudentEdit[];
  /** By block of the teacher; those of text groups and feed-forward layers lie outside the students' runs. */
  readonly width: readonly WidthEdit[];
}

/** The model, and the way through it with its linear maps. */
export interface NarrowedModel {
  readonly transformer: Transformer;
  readonly route: Route;
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
  const about = { fingerprint, family: config.family, width: config.width };
  const { route, dispose, shared } = await closedForm(sample, pruned, edits, about);
  try {
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
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}

/** Maps are fitted as an export fits them, before modulations are shared. */
async function closedForm(
  sample: Sample,
  pruned: Whole,
  edits: EditSet,
  about: Parameters<typeof modulationsFile>[1],
): Promise<{ readonly route: Route; readonly shared: Whole; dispose(): void }> {
  const transformer = await openTransformer(pruned.config, pruned.checkpoint);
  try {
    const { parts, dispose } = await narrowStart(sample.model, pruned, transformer, [], edits);
    const { route, modulations } = parts;
    try {
      const file = modulations.length > 0 ? modulationsFile(modulations, about) : null;
      const { fingerprint } = about;
      const asked = modulations.map(({ edit }) => edit);
      return { route, dispose, shared: file ? await sharedModel({ ...pruned, fingerprint }, asked, file) : pruned };
    } catch (thrown) {
      dispose();
      throw thrown;
    }
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
