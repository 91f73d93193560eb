/**
 * Writes a run's model folder: teacher, finished students and figures become the files of lib/core/export, copied in
 * portions to a folder beside the final one, which then takes its name. What has that name is whole.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import type { Progress } from '../lib/compute/protocol.ts';
import { asContiguaError, ContiguaError } from '../lib/core/errors.ts';
import {
  type Exporter,
  exportModel,
  METRICS_FILE,
  type OutputFile,
  PLAN_FILE,
  runParts,
} from '../lib/core/export/index.ts';
import { openTeacher } from '../lib/core/export/open-teacher.ts';
import { formatIntervalKey, type IntervalSet } from '../lib/core/interval/index.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import { FINE_TUNE_KEY, type RunView } from '../lib/core/run/index.ts';
import type { Backend } from '../lib/server/backend.ts';
import { readText } from './read-text.ts';
import { makeResultFolder, openResult } from './result-files.ts';

export interface ExportChoice {
  readonly plugged: IntervalSet;
  /** Keys of jobs that make blocks narrower. */
  readonly narrow?: readonly string[];
  readonly fineTuned: boolean;
  readonly dtype: 'teacher' | 'F32';
  readonly exporter: Exporter;
}

const PORTION_BYTES = 16 * 2 ** 20;

export async function exportRun(
  backend: Backend,
  run: RunView,
  { plugged, narrow: narrowKeys = [], fineTuned, dtype, exporter }: ExportChoice,
  out: string,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<void> {
  const trained = async (key: string) => ({
    path: `${key}.safetensors`,
    blob: (await backend.openTrained(run.id, key)).blob,
  });
  const students = await Promise.all(
    plugged.map(async (interval) => ({ interval, file: await trained(formatIntervalKey(interval)) })),
  );
  const fineTune = fineTuned ? await trained(FINE_TUNE_KEY) : null;
  const narrow = await runParts(run, [...plugged.map(formatIntervalKey), ...narrowKeys], trained, fineTune);
  const sources = nodeSources();
  sources.readUntil?.(signal);
  const files = await exportModel(exporter, {
    teacher: await openTeacher(await sources.openFolder(await backend.teacherFolder(run.id)), run.model.name),
    plan: run.plan,
    students,
    fineTuned: fineTune,
    run,
    dtype,
    ...(narrow ? { narrow } : {}),
  });
  await writeFolder(files, out, { signal, onProgress });
}

/** Throws where the folder could not be written, before anything is trained or copied for it. An earlier export may be replaced. */
export async function assertExportable(out: string): Promise<void> {
  const names = await readdir(out).catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw unwritable(out, asContiguaError(thrown).summary);
  });
  if (names.length === 0 || (await isExport(out))) return;
  throw unwritable(out, `${names.length} other ${names.length === 1 ? 'file' : 'files'} in it`);
}

/** Its plan opens, of whatever version, and its metrics are ours: nothing else has both. */
async function isExport(folder: string): Promise<boolean> {
  try {
    const [plan, metrics] = await Promise.all(
      [PLAN_FILE, METRICS_FILE].map((name) => readText(join(folder, name), MAX_JSON_BYTES.plan)),
    );
    parsePlan(plan ?? '', PLAN_FILE);
    return (metrics ?? '').includes('"createdWith": "contigua ');
  } catch (thrown) {
    if (thrown instanceof ContiguaError) return false;
    throw thrown;
  }
}

/** Of files of an exporter; an earlier export of that name makes room. */
export async function writeFolder(
  files: readonly OutputFile[],
  out: string,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<void> {
  const final = resolve(out);
  const temporary = `${final}.${process.pid}.part`;
  const total = files.reduce((sum, { blob }) => sum + blob.size, 0);
  let done = 0;
  try {
    for (const { path, blob } of files) {
      const target = join(temporary, path);
      await makeResultFolder(dirname(target));
      const file = await openResult(target);
      try {
        for (let start = 0; start < blob.size; start += PORTION_BYTES) {
          signal.throwIfAborted();
          const bytes = new Uint8Array(await blob.slice(start, start + PORTION_BYTES).arrayBuffer());
          await file.writeFile(bytes);
          done += bytes.length;
          onProgress({ stage: 'export', done, total });
        }
        await file.sync();
      } finally {
        await file.close();
      }
    }
    await takePlace(temporary, final);
  } catch (thrown) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // the first failure is the one to tell
    if (signal.aborted) throw new ContiguaError('cancelled', 'Stopped');
    throw thrown instanceof ContiguaError ? thrown : unwritable(out, asContiguaError(thrown).summary);
  }
}

/** An empty folder or an earlier export (see assertExportable) makes room, and only once the new one is whole. */
async function takePlace(temporary: string, final: string): Promise<void> {
  await assertExportable(final);
  const old = `${final}.${process.pid}.old`;
  const had = await rename(final, old).then(
    () => true,
    () => false,
  );
  await rename(temporary, final);
  if (had) await rm(old, { recursive: true, force: true });
}

function unwritable(file: string, found: string): ContiguaError {
  return new ContiguaError('inputs-invalid', 'The model folder cannot be written', {
    file,
    found,
    expected: 'a new name, an empty folder or an earlier export',
    hint: 'Name another with --out.',
  });
}
