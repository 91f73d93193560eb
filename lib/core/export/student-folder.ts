/**
 * A distilled model as the files of a diffusers folder: teacher's blocks copied byte for byte, students in the place of
 * the plugged intervals, blocks renumbered, config, plan, metrics and card beside them. Nothing is read until a file's
 * bytes are asked for, and then by range: a 40 GB model streams through a few megabytes of memory, and a download resumes.
 */
import {
  type BlobLike,
  type Checkpoint,
  fingerprintOf,
  isPlainDType,
  isReadable,
  type NamedBlob,
  readRange,
} from '../checkpoint/index.ts';
import {
  architectureOf,
  countParameters,
  editedReader,
  expectedTensors,
  familyNamed,
  type ModelConfig,
} from '../model/config-index.ts';
import { assertPlanFits, formatPlan, narrowedPlan, pluggedPlan } from '../plan/index.ts';
import { decodedDType, trainedDType } from './cast-tensor.ts';
import type { OutputFile } from './exporter.ts';
import { CONFIG_FILE, METRICS_FILE, PLAN_FILE } from './file-names.ts';
import { exportMetrics } from './metrics.ts';
import { type CardDTypes, modelCard } from './model-card.ts';
import { editedConfigText, prunedConfig } from './pruned-config.ts';
import { modulationsOf, sharedWeights } from './shared-weights.ts';
import { studentWeights } from './student-weights.ts';
import type { TrainedModel } from './trained-model.ts';
import { MAX_SHARD_BYTES, weightFiles } from './weight-files.ts';

/**
 * Same options, same bytes. Rejects with `plan-mismatch` (student, fine-tune or plan of another teacher, or a fine-tune of
 * other students), `plan-invalid` (an interval that is not the plan's), `weight-missing`, `weight-misshapen`,
 * `weight-not-finite` and `checkpoint-unsupported` (no student file), naming file and tensor.
 */
export async function studentFolder(options: TrainedModel): Promise<readonly OutputFile[]> {
  const { teacher, plan, fineTuned, run, dtype = 'teacher', checkValues = true } = options;
  const { config, checkpoint, folder, companions, name } = teacher;
  const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
  const { numBlocks, raw } = config;
  assertPlanFits(plan, { name, fingerprint, numBlocks }, PLAN_FILE);
  const students = options.students.toSorted((x, y) => x.interval.first - y.interval.first);
  const plugged = students.map(({ interval }) => interval);
  const { removed = [] } = options;
  const { saved, savedAtEnd } = countParameters(config);
  const exported = pluggedPlan(plan, plugged, saved, removed, savedAtEnd);
  const runs = exported.edits.map(({ first, last }) => ({ first, last }));
  const width = options.narrow?.edits ?? [];
  const written = narrowedPlan(exported, width, config);
  const edited = editedReader(config, written.edits);
  const unshared = written.edits.filter(({ on }) => on !== 'modulation');
  const whole = await studentWeights({
    config,
    fingerprint,
    checkpoint,
    blockMap: exported.blockMap,
    students,
    fineTuned,
    ...(options.narrow
      ? { narrow: { edits: unshared, maps: options.narrow.maps, shared: modulationsOf(written.edits) } }
      : {}),
    dtype,
    checkValues,
  });
  const tensors =
    'why' in edited
      ? whole
      : await sharedWeights(whole, {
          config: edited.config,
          fingerprint,
          edits: written.edits,
          file: options.narrow?.modulations,
          dtype,
          checkValues,
        });
  const metrics = exportMetrics(run, plan, { plugged, narrow: width, fineTuned: fineTuned !== null });
  const { streams, output } = architectureOf(config);
  const baseCard = companions.find(({ path }) => path === README);
  const card = modelCard({
    name,
    baseCard: baseCard ? await headOf(baseCard) : null,
    className: config.className,
    streams,
    output,
    folder,
    hasCompanions: companions.some(({ path }) => path === MODEL_INDEX),
    plan: written,
    reader: 'why' in edited ? null : edited.reader,
    metrics,
    dtypes: dtypesOf(checkpoint, config, dtype),
  });
  const inFolder = (path: string) => (folder === '' ? path : `${folder}/${path}`);
  return [
    { path: README, blob: textBlob(card) },
    { path: PLAN_FILE, blob: textBlob(formatPlan(written)) },
    { path: METRICS_FILE, blob: textBlob(`${JSON.stringify(metrics, null, 2)}\n`) },
    ...companions.map(({ path, blob }) => ({ path: path === README ? TEACHER_README : path, blob })),
    {
      path: inFolder(CONFIG_FILE),
      blob: textBlob(
        width.length > 0
          ? editedConfigText({ config: raw }, written.edits)
          : prunedConfig({ numBlocks, config: raw }, runs),
      ),
    },
    ...weightFiles(tensors, options.maxShardBytes ?? MAX_SHARD_BYTES).map(({ path, blob }) => ({
      path: inFolder(path),
      blob,
    })),
  ];
}

const README = 'README.md';
const TEACHER_README = 'README.teacher.md';
const MODEL_INDEX = 'model_index.json';

/** Enough for a card's front matter, which is all that is taken from it. */
const CARD_HEAD_BYTES = 2 ** 18;

async function headOf({ path, blob }: NamedBlob): Promise<string> {
  return new TextDecoder().decode(await readRange(blob, path, 0, Math.min(blob.size, CARD_HEAD_BYTES)));
}

function textBlob(text: string): BlobLike {
  return new Blob([text]);
}

function dtypesOf({ tensors }: Checkpoint, config: ModelConfig, wanted: 'teacher' | 'F32'): CardDTypes {
  const stored = distinct(expectedTensors(config).flatMap(({ name }) => tensors.get(name)?.dtype ?? []));
  const decoded = stored.filter((dtype) => !isPlainDType(dtype));
  return {
    teacher: stored.join(', '),
    trained: wanted === 'F32' ? 'F32' : distinct(stored.filter(isReadable).map(trainedDType)).join(', '),
    decoded: decoded.length > 0 ? { from: decoded.join(', '), to: decodedDType(wanted) } : null,
    unchanged: distinct(stored.map((dtype) => (isPlainDType(dtype) ? dtype : decodedDType(wanted)))).join(', '),
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
