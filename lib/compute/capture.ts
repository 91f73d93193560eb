/** The task `capture`: states of the open model as a trace, and the inputs that they are of, in files of one folder. */
import {
  type CalibrationRequest,
  calibrationFor,
  calibrationParts,
  capturedTokens,
  captureStates,
  sampleTokens,
} from '../core/capture/index.ts';
import { fileDigits } from '../core/checkpoint/index.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { parseIntervalKeys } from '../core/interval/index.ts';
import type { Transformer } from '../core/model/index.ts';
import { PRODUCT_VERSION } from '../core/plan/product-version.ts';
import type { SavedFile } from '../core/run/progress.ts';
import { TRACE_FILES, traceParts } from '../core/trace/index.ts';
import { BoundaryCapture } from './capture-boundaries.ts';
import { type FileHost, urlIn } from './folder/file-host.ts';
import type { CapturedFiles, Progress } from './protocol.ts';

export interface CaptureRequest {
  readonly calibration: CalibrationRequest;
  /** Of each stream, at most. */
  readonly rows: number;
  readonly dtype: 'F32' | 'BF16' | 'F16';
  /** `3-4,7-9`: whole states around these are written besides. */
  readonly intervals?: string | undefined;
  /** Folder URL. */
  readonly saveTo: string;
}

/** Each file is whole or not there; the trace comes after its inputs, states around intervals last. */
export async function captureTrace(
  model: OpenModel,
  transformer: Transformer,
  { calibration: request, rows, dtype, intervals = '', saveTo }: CaptureRequest,
  files: FileHost,
  engine: string,
  { signal, onProgress }: { readonly signal: AbortSignal; onProgress(progress: Progress<never>): void },
): Promise<CapturedFiles> {
  const { summary, config } = model;
  const around = parseIntervalKeys(intervals, model.summary, 'intervals');
  const calibration = sampleTokens(await calibrationFor(model, request), rows);
  const urlOf = (name: string) => urlIn(saveTo, name);
  const inputs: SavedFile = await files.saveFile(urlOf(TRACE_FILES.calibration), calibrationParts(calibration, config));
  const digits = await fileDigits((await files.openFile(inputs.url, TRACE_FILES.calibration)).blob);
  const { name, className, fingerprint, width, streams, stacks, blocks } = summary;
  const about = {
    model: {
      name,
      className,
      fingerprint,
      width,
      streams,
      stacks: stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
      blocks: blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
      config: config.raw,
    },
    dtype,
    calibration: { name: TRACE_FILES.calibration, digits },
  };
  const boundary =
    around.length > 0 ? await BoundaryCapture.open(files, saveTo, around, transformer, calibration) : null;
  const total = config.numBlocks;
  async function* states() {
    for await (const captured of captureStates(transformer, calibration, { signal, whole: boundary?.whole })) {
      yield captured;
      if (captured.index >= 0) onProgress({ stage: 'capture', done: captured.index + 1, total });
    }
  }
  const parts = traceParts(
    {
      ...about,
      rows: calibration.rows,
      tokens: capturedTokens(calibration, transformer),
      groups: calibration.groups,
      levels: calibration.levels,
      // Inputs are samples as they are: nothing tells which pass of guidance they were.
      sampling: { seed: calibration.facts.seed ?? 0, rows, passes: 'conditional' },
      versions: { writer: 'contigua capture', contigua: PRODUCT_VERSION, engine },
    },
    states(),
  );
  try {
    const trace = await files.saveFile(urlOf(TRACE_FILES.trace), parts);
    const boundaries = (await boundary?.save(files, urlOf(TRACE_FILES.boundaries), about)) ?? null;
    return { calibration: inputs, trace, boundaries };
  } finally {
    await boundary?.dispose();
  }
}
