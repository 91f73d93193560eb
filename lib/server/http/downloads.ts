/**
 * What can be taken away from a run: the distilled model as a ZIP of its diffusers folder, single students, metrics, plan
 * and curves. Large ones are made of ranges as they are read, so nothing is written twice and a download goes on where it
 * broke off. An ETag stands for the bytes: of another choice, another student or another measurement it is another one.
 * Trained weights are compared with their checksums as they are read, so the bytes of an ETag are sent or none.
 */
import { createHash } from 'node:crypto';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import type { RunEdit } from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import {
  DEFAULT_EXPORTER,
  type Exporter,
  exporterNamed,
  exportMetrics,
  exportModel,
  type OutputFile,
  runParts,
  trainedNarrow,
} from '../../core/export/index.ts';
import { openTeacher } from '../../core/export/open-teacher.ts';
import type { StreamSpec } from '../../core/model/config-index.ts';
import { formatPlan, narrowedPlan, type Plan } from '../../core/plan/index.ts';
import { elided } from '../../core/printable.ts';
import { FINE_TUNE_KEY, type RunView, type StepPoint } from '../../core/run/index.ts';
import type { Backend } from '../backend.ts';
import { jobKey, pluggedKey, runId } from '../routers/runs.ts';
import type { Download } from './serve-blob.ts';
import { zipBlob } from './zip.ts';

/** Opened models that are kept: the ranges of a download that goes on come as requests of their own. */
const KEPT = 8;
/** Files up to this size are part of the ETag byte for byte; larger ones are weights, known by their checksums. */
const SMALL_BYTES = 2 ** 20;

export class Downloads {
  private readonly opened = new Map<string, Promise<Download>>();

  constructor(private readonly backend: Backend) {}

  /** `path` is what follows `/files/runs/`. Null where there is nothing of that name. */
  async find(path: string, query: URLSearchParams): Promise<Download | null> {
    const [id = '', ...rest] = path.split('/');
    if (!runId.safeParse(id).success) return null;
    const [folder = '', name = ''] = rest;
    if (rest.length === 1 && folder === 'model.zip') return await this.model(id, query);
    if (rest.length === 1 && folder === 'metrics.json') return metricsFile(await this.backend.viewRun(id));
    if (rest.length === 1 && folder === 'plan.json') return await this.plan(await this.backend.viewRun(id));
    const key = name.replace(/\.(safetensors|csv)$/, '');
    if (rest.length !== 2 || !jobKey.safeParse(key).success) return null;
    if (folder === 'students' && name.endsWith('.safetensors')) return await this.student(id, key);
    if (folder === 'curves' && name.endsWith('.csv')) {
      const { plan } = await this.backend.viewRun(id);
      return curveFile(key, plan.model.streams, await this.backend.curve(id, key));
    }
    return null;
  }

  private async student(id: string, key: string): Promise<Download> {
    const { blob, parts, sha256 } = await this.backend.openTrained(id, key);
    return {
      blob,
      parts,
      etag: sha256,
      type: 'application/octet-stream',
      name: `${/^\d/.test(key) || key === FINE_TUNE_KEY ? `student-${key}` : key}.safetensors`,
    };
  }

  /** With narrower blocks, whose parameters follow from the teacher's config: of a teacher that is gone or has changed this rejects. */
  private async plan(view: RunView): Promise<Download> {
    const narrow = trainedNarrow(view);
    if (narrow.length === 0) return planFile(view, view.plan);
    const folder = await nodeFiles.openFolder(await this.backend.teacherFolder(view.id));
    const { config } = await openTeacher(folder, view.model.name);
    return planFile(view, narrowedPlan(view.plan, narrow, config));
  }

  private async model(id: string, query: URLSearchParams): Promise<Download> {
    const view = await this.backend.viewRun(id);
    const choice = choiceOf(view, query);
    const known = JSON.stringify([id, view.lastEventId, choice]);
    let download = this.opened.get(known);
    this.opened.delete(known);
    download ??= this.openModel(view, choice);
    this.opened.set(known, download);
    // A failed opening is not kept: what was missing may come.
    download.catch(() => this.opened.delete(known));
    for (const oldest of this.opened.keys()) {
      if (this.opened.size <= KEPT) break;
      this.opened.delete(oldest);
    }
    return await download;
  }

  private async openModel(view: RunView, { plugged, narrow, fineTuned, dtype, exporter }: Choice): Promise<Download> {
    const trained = async (key: string) => {
      const { blob, sha256 } = await this.backend.openTrained(view.id, key);
      return { file: { path: `${key}.safetensors`, blob }, sha256 };
    };
    const students = await Promise.all(
      plugged.map(async ({ key, edit }) => ({ interval: edit, ...(await trained(key)) })),
    );
    const fineTune = fineTuned ? await trained(FINE_TUNE_KEY) : null;
    const digests: string[] = [];
    const opened = async (key: string) => {
      const { file, sha256 } = await trained(key);
      digests.push(sha256);
      return file;
    };
    const parts = await runParts(view, [...plugged.map(({ key }) => key), ...narrow], opened, fineTune?.file ?? null);
    const folder = await nodeFiles.openFolder(await this.backend.teacherFolder(view.id));
    const files = await exportModel(exporter, {
      teacher: await openTeacher(folder, view.model.name),
      plan: view.plan,
      students,
      fineTuned: fineTune?.file ?? null,
      run: view,
      dtype,
      ...(parts ? { narrow: parts } : {}),
    });
    const weights = [
      view.model.fingerprint,
      dtype,
      ...students.map(({ sha256 }) => sha256),
      fineTune?.sha256 ?? '',
      ...digests,
    ];
    const name = fileName(view.name);
    return {
      blob: zipBlob(files.map(({ path, blob }) => ({ path: `${name}/${path}`, blob }))),
      etag: await contentTag(files, [name, exporter.name, ...weights]),
      type: 'application/zip',
      name: `${name}.zip`,
    };
  }
}

interface Choice {
  readonly plugged: readonly { readonly key: string; readonly edit: RunEdit }[];
  /** Keys of jobs that make blocks narrower. */
  readonly narrow: readonly string[];
  readonly fineTuned: boolean;
  readonly dtype: 'teacher' | 'F32';
  readonly exporter: Exporter;
}

/** `plugged=3-4,t8-10` (all that is finished where it is left out), `fineTuned=1`, `dtype=F32`, `format=NAME` of an exporter. */
function choiceOf({ jobs }: RunView, query: URLSearchParams): Choice {
  const students = jobs.flatMap(({ key, edit, state }) => (edit ? [{ key, edit, state }] : []));
  const asked = query.get('plugged');
  const keys = asked?.split(',').filter((key) => key !== '');
  const narrow = jobs.filter((job) => job.narrow);
  const known = [...students, ...narrow];
  const unknown = keys?.find((key) => !pluggedKey.safeParse(key).success || !known.some((one) => one.key === key));
  if (unknown !== undefined) {
    throw new ContiguaError('run-missing', 'The run has no student of that name', {
      found: elided(unknown, 40),
      expected: known.map(({ key }) => key).join(', '),
    });
  }
  return {
    plugged: students
      .filter(({ key, state }) => (keys ? keys.includes(key) : state === 'done'))
      .map(({ key, edit }) => ({ key, edit }))
      .sort((a, b) => a.edit.first - b.edit.first),
    narrow: narrow.filter(({ key, state }) => (keys ? keys.includes(key) : state === 'done')).map(({ key }) => key),
    fineTuned: query.get('fineTuned') === '1',
    dtype: query.get('dtype') === 'F32' ? 'F32' : 'teacher',
    exporter: exporterNamed(query.get('format') ?? DEFAULT_EXPORTER.name),
  };
}

async function contentTag(files: readonly OutputFile[], known: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(known));
  for (const { path, blob } of files) {
    hash.update(`\n${path} ${blob.size}\n`);
    if (blob.size <= SMALL_BYTES) hash.update(new Uint8Array(await blob.arrayBuffer()));
  }
  return hash.digest('hex');
}

function metricsFile(view: RunView): Download {
  const done = view.jobs.filter(({ state }) => state === 'done');
  const chosen = {
    plugged: done.flatMap(({ edit }) => edit ?? []),
    narrow: done.flatMap(({ narrow = [] }) => narrow),
    fineTuned: false,
  };
  const metrics = exportMetrics(view, view.plan, chosen);
  return textFile(`${JSON.stringify(metrics, null, 2)}\n`, 'application/json', `${fileName(view.name)}-metrics.json`);
}

function planFile(view: RunView, plan: Plan): Download {
  return textFile(formatPlan(plan), 'application/json', `${fileName(view.name)}-plan.json`);
}

/** A loss column for each stream of the model, empty where the stream took no part. */
function curveFile(key: string, streams: readonly StreamSpec[], points: readonly StepPoint[]): Download {
  const head = ['step', ...streams.map(({ id }) => `${id}_loss`), 'gradient_norm', 'learning_rate', 'duration_ms'];
  const rows = points.map(({ step, losses, gradientNorm, learningRate, durationMs }) => [
    step,
    ...streams.map(({ id }) => losses[id] ?? ''),
    gradientNorm,
    learningRate,
    durationMs,
  ]);
  const text = [head, ...rows].map((cells) => `${cells.join(',')}\n`).join('');
  return textFile(text, 'text/csv; charset=utf-8', `curve-${key}.csv`);
}

function textFile(text: string, type: string, name: string): Download {
  return { blob: new Blob([text]), etag: createHash('sha256').update(text).digest('hex'), type, name };
}

/** A run's name as a file's, on any system. */
function fileName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._ -]+/gu, '-')
    .replace(/^[. -]+|[. -]+$/g, '');
  return plain === '' ? 'model' : elided(plain, 80);
}
