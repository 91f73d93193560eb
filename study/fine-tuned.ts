/**
 * The joint fine-tune of plugged students, and of maps and shared modulations that start in closed form; trained once, as the ledger
 * remembers it.
 */
import { createHash } from 'node:crypto';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { batchesFor, fineTune } from '../lib/core/distil/index.ts';
import { editSetOf, formatEditParam, type WidthEdit } from '../lib/core/edit/index.ts';
import {
  disposeStudents,
  openFineTunedRoute,
  openStudents,
  type StudentEdit,
  studentsKey,
  withModulations,
} from '../lib/core/edited-model/index.ts';
import { editableModel, type Route, routeOf, type Transformer } from '../lib/core/model/index.ts';
import type { SampleError } from '../lib/core/relative-error.ts';
import { calibrationText } from './calibration.ts';
import { narrowStart } from './narrow-start.ts';
import {
  type Drawn,
  type JointSettings,
  type Pictures,
  picturesName,
  type Sample,
  sampleErrorsName,
  settingsText,
  since,
} from './sample.ts';

interface Tuned {
  readonly students: readonly StudentEdit[];
  readonly width: readonly WidthEdit[];
  /** Of the file that the training leaves. */
  readonly url: string;
  readonly file: string;
}

/** Names a fine-tune in the ledger; `students` is their `studentsKey`. */
export function fineTunedName(
  students: string,
  asked: JointSettings,
  width: readonly WidthEdit[],
  calibration: string = calibrationText(),
): string {
  // Shared modulations are fitted at the scheduler's timesteps, without samples.
  const fitted = width.some(({ on }) => on !== 'modulation') ? calibration : '';
  const narrow = width.length > 0 ? `, narrow ${formatEditParam(width, 'student')}${fitted}` : '';
  return `fine-tuned ${students}${narrow}, ${settingsText(asked)}`;
}

/** Errors and pictures are of the model with all of them. */
export async function fineTuned(
  sample: Sample,
  students: readonly StudentEdit[],
  asked: JointSettings,
  width: readonly WidthEdit[] = [],
): Promise<{
  sampleErrors: () => Promise<readonly SampleError[]>;
  pictures: (drawn: Drawn) => Promise<Pictures>;
}> {
  const name = fineTunedName(await studentsKey(students), asked, width);
  const file = `fine-tuned-${createHash('sha256').update(name).digest('hex').slice(0, 16)}.safetensors`;
  const tuned: Tuned = { students, width, file, url: sample.trainedUrl(file) };
  await sample.ledger.once(name, () => tune(sample, asked, tuned));
  return {
    sampleErrors: () =>
      sample.ledger.once(sampleErrorsName(name), () =>
        along(sample, tuned, (route, transformer) => sample.sampleErrorsOf(route, transformer)),
      ),
    pictures: (drawn) =>
      sample.ledger.once(picturesName(name, drawn), () =>
        along(sample, tuned, (route, transformer) => sample.picturesOf(route, drawn, transformer)),
      ),
  };
}

async function tune(
  { model, transformer }: Sample,
  { levels, ...settings }: JointSettings,
  { students, width, url }: Tuned,
): Promise<{ readonly seconds: number }> {
  const startedAt = performance.now();
  const opened = await openStudents(model, students);
  try {
    const edits = editSetOf([...students, ...width], editableModel(model.config), 'the fine-tune');
    const narrow = width.length > 0 ? await narrowStart(model, model, transformer, opened, edits) : null;
    try {
      await fineTune({
        transformer,
        fingerprint: model.summary.fingerprint,
        students: opened,
        ...(narrow && { narrow: narrow.parts }),
        studentsKey: await studentsKey(students),
        settings,
        batches: await batchesFor(model, { kind: 'shapes', levels }, settings),
        resume: null,
        save: (_, parts) => nodeFiles.saveFile(url, parts),
        onProgress: () => {},
        signal: new AbortController().signal,
      });
    } finally {
      narrow?.dispose();
    }
  } finally {
    disposeStudents(opened);
  }
  return { seconds: since(startedAt) };
}

async function along<T>(
  { model, transformer, numBlocks }: Sample,
  { students, width, url, file }: Tuned,
  use: (route: Route, transformer: Transformer) => Promise<T>,
): Promise<T> {
  const shared = width.filter((edit) => edit.on === 'modulation');
  const mapped = width.filter((edit) => edit.on !== 'modulation');
  const opened = await nodeFiles.openFile(url, file);
  const { route, dispose } = await openFineTunedRoute(model, [...students, ...mapped], async () => opened, shared);
  try {
    const way = route ?? routeOf(numBlocks, []);
    if (shared.length === 0) return await use(way, transformer);
    const narrowed = await withModulations(model, transformer, shared, opened);
    try {
      return await use(way, narrowed.transformer);
    } finally {
      narrowed.dispose();
    }
  } finally {
    dispose();
  }
}
