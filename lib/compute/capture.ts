/**
 * The task `capture`: states of the open model as a trace, and the inputs that they are of, in files of one folder. States of a
 * large model wait in a store until the files are written. A capture that was interrupted goes on there, to the same bytes.
 */
import {
  type Calibration,
  type CalibrationRequest,
  type CapturedBlock,
  type CaptureOptions,
  calibrationFor,
  calibrationKey,
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
import type { StateStore } from '../core/states/index.ts';
import type { EngineReport } from '../core/tensor/index.ts';
import { TRACE_FILES, traceParts } from '../core/trace/index.ts';
import { storeKey } from './analysis-sources.ts';
import { BoundaryCapture } from './capture-boundaries.ts';
import { type FileHost, urlIn } from './folder/file-host.ts';
import type { CapturedFiles, Progress } from './protocol.ts';
import { checkSameWeights } from './same-weights.ts';

export interface CaptureRequest {
  readonly calibration: CalibrationRequest;
  /** Of each stream, at most. */
  readonly rows: number;
  readonly dtype: 'F32' | 'BF16' | 'F16';
  /** `3-4,7-9`: whole states around these are written besides. */
  readonly intervals?: string | undefined;
  /** Folder URL. */
  readonly saveTo: string;
  /** Where states wait, and are found again; in memory by default. They are removed once the files are written. */
  readonly states?: { readonly url: string; readonly sizeBytes: number } | undefined;
  /** Of an estimate. */
  readonly limits?: { readonly engineBytes: number } | undefined;
}

/** Each file is whole or not there; the trace comes after its inputs, states around intervals last. */
export async function captureTrace(
  model: OpenModel,
  transformer: Transformer,
  { calibration: request, rows, dtype, intervals = '', saveTo, states, limits }: CaptureRequest,
  files: FileHost,
  engine: EngineReport,
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
  const store = states && (await openStore(files, states, await keyOf(request, rows), model, engine));
  let boundary: BoundaryCapture | null = null;
  try {
    boundary =
      around.length > 0 ? await BoundaryCapture.open(files, saveTo, around, transformer, calibration, store) : null;
    const total = config.numBlocks;
    const onBlock = (index: number) => {
      if (index >= 0) onProgress({ stage: 'capture', done: index + 1, total });
    };
    const options = { signal, whole: boundary?.whole, engineBytes: limits?.engineBytes };
    const captured = store
      ? storedStates(transformer, calibration, store, boundary, options, onBlock)
      : toldStates(captureStates(transformer, calibration, { ...options, engineBytes: undefined }), onBlock);
    const parts = traceParts(
      {
        ...about,
        rows: calibration.rows,
        tokens: capturedTokens(calibration, transformer),
        groups: calibration.groups,
        levels: calibration.levels,
        // Inputs are samples as they are: nothing tells which pass of guidance they were.
        sampling: { seed: calibration.facts.seed ?? 0, rows, passes: 'conditional' },
        versions: { writer: 'contigua capture', contigua: PRODUCT_VERSION, engine: engine.name },
      },
      captured,
    );
    const trace = await files.saveFile(urlOf(TRACE_FILES.trace), parts);
    const boundaries = (await boundary?.save(files, urlOf(TRACE_FILES.boundaries), about)) ?? null;
    await store?.clear();
    return { calibration: inputs, trace, boundaries };
  } finally {
    await boundary?.dispose();
    await store?.dispose();
  }
}

/** What the states in a store follow from, beside model and engine. Their type in the file is chosen when it is written. */
const keyOf = async (request: CalibrationRequest, rows: number) =>
  `capture ${await calibrationKey(request)} rows ${rows}`;

async function openStore(
  files: FileHost,
  { url, sizeBytes }: NonNullable<CaptureRequest['states']>,
  key: string,
  model: OpenModel,
  engine: EngineReport,
): Promise<StateStore> {
  const store = await files.openStates(url, sizeBytes, storeKey(key, model, engine));
  try {
    await checkSameWeights(store, model, 'capture');
    return store;
  } catch (thrown) {
    await store.dispose();
    throw thrown;
  }
}

async function* toldStates(
  states: AsyncIterable<CapturedBlock>,
  onBlock: (index: number) => void,
): AsyncGenerator<CapturedBlock> {
  for await (const captured of states) {
    yield captured;
    onBlock(captured.index);
  }
}

/** The same by way of the store: what it has is not captured again, and nothing is yielded before all is there. */
async function* storedStates(
  transformer: Transformer,
  calibration: Calibration,
  store: StateStore,
  boundary: BoundaryCapture | null,
  options: CaptureOptions,
  onBlock: (index: number) => void,
): AsyncGenerator<Pick<CapturedBlock, 'index' | 'states'>> {
  const { config, architecture } = transformer;
  const ids = architecture.streams.map(({ id }) => id);
  const stateKey = (id: string, index: number) => `${id}/${index}`;
  const isThere = async (index: number) => {
    for (const id of ids) if (!(await store.shape(stateKey(id, index)))) return false;
    return (await boundary?.has(index)) ?? true;
  };
  let from = -1;
  for (; from < config.numBlocks && (await isThere(from)); from++) onBlock(from);
  const keep = async ({ index, states }: CapturedBlock) => {
    for (const id of ids) {
      const values = states[id]!;
      await store.create(stateKey(id, index), values.length / config.width, config.width);
      await store.write(stateKey(id, index), 0, values);
      await store.seal(stateKey(id, index));
    }
  };
  if (from < config.numBlocks) {
    for await (const { index } of captureStates(transformer, calibration, { ...options, store, from, keep })) {
      onBlock(index);
    }
  }
  for (let index = -1; index < config.numBlocks; index++) {
    const states: [string, Float32Array][] = [];
    for (const id of ids) states.push([id, await store.read(stateKey(id, index))]);
    yield { index, states: Object.fromEntries(states) };
  }
}
