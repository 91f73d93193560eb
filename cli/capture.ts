/** `contigua capture`: states of a model as a trace, with the inputs that they are of, to be analysed elsewhere. */
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CaptureRequest } from '../lib/compute/protocol.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { parseIntervalKeys } from '../lib/core/interval/index.ts';
import type { NumberRange } from '../lib/core/number-range.ts';
import { shownBytes } from '../lib/core/states/index.ts';
import { calibrationRequest } from './analyse.ts';
import { allowedBytes, assertDiskFits, isEstimated, sizeLines, sizeOf, timeLine } from './analyse-limits.ts';
import { ENGINE_OPTION, ENGINES, parseArguments, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { SOURCE_OPTIONS } from './model-source.ts';
import { withModel } from './model-worker.ts';
import { tell } from './output.ts';
import { progressOn } from './progress.ts';

/** As tools/capture/contigua_capture.py takes by default. */
const ROWS = 2048;
const ROWS_RANGE: NumberRange = { min: 8, max: 2 ** 20, whole: true };
const DTYPES = ['F32', 'BF16', 'F16'] as const;

export async function capture(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('capture', argv, {
    out: { type: 'string' },
    rows: { type: 'string' },
    dtype: { type: 'string' },
    intervals: { type: 'string' },
    calibration: { type: 'string' },
    samples: { type: 'string' },
    timesteps: { type: 'string' },
    seed: { type: 'string' },
    states: { type: 'string' },
    memory: { type: 'string' },
    disk: { type: 'string' },
    estimate: { type: 'boolean' },
    ...ENGINE_OPTION,
    ...SOURCE_OPTIONS,
  });
  const estimateOnly = args.flag('estimate');
  // An estimate writes nothing.
  const folder = resolve(estimateOnly ? (args.text('out') ?? '.') : args.required('out'));
  const rows = args.number('rows', ROWS, ROWS_RANGE);
  const dtype = args.oneOf('dtype', DTYPES, 'F32');
  const intervals = args.text('intervals');
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const place = args.text('states');
  const [memoryBytes, diskBytes] = [sizeOf(args, 'memory', 'capture'), sizeOf(args, 'disk', 'capture')];
  if (place === undefined && diskBytes !== null) {
    throw usage('capture', '--disk needs --states, the folder that it is for');
  }
  const states =
    place === undefined
      ? undefined
      : { url: pathToFileURL(resolve(place)).href, sizeBytes: diskBytes ?? Number.MAX_SAFE_INTEGER };
  const requestFor = calibrationRequest(args, signal, 'capture');
  const display = progressOn(process.stderr);
  const written = await withModel(args, engine, signal, async ({ client, model }) => {
    if (intervals !== undefined) parseIntervalKeys(intervals, model, '--intervals');
    const request = { calibration: await requestFor(model), rows, dtype, intervals, states };
    const limits = await estimated(client, model, request);
    if (estimateOnly) return null;
    const saveTo = pathToFileURL(folder).href;
    return await client.call('capture', { ...request, saveTo, limits }, { signal, onProgress: display.show });
  }).finally(display.end);
  if (!written) return;
  const { trace, calibration, boundaries } = written;
  const files = [trace, calibration, ...(boundaries ? [boundaries] : [])].map(
    ({ url, sizeBytes }) => `${basename(url)} (${(sizeBytes / 1e6).toFixed(1)} MB)`,
  );
  tell(`wrote ${args.required('out')}: ${files.join(', ')}`);

  /** Undefined where no estimate is needed: then nothing waits elsewhere. */
  async function estimated(client: WorkerClient, model: ModelSummary, request: CaptureRequest) {
    if (!isEstimated(model, memoryBytes) && !estimateOnly) return undefined;
    tell('measuring one block, for the estimate');
    const allowed = allowedBytes(memoryBytes);
    const estimate = await client.call('estimateCapture', { ...request, memoryBytes: allowed }, { signal });
    const { weights, forward } = estimate.seconds;
    tell(
      timeLine([
        ['weights', weights],
        ['forward', forward],
      ]),
    );
    for (const line of sizeLines(estimate, allowed, states !== undefined, 'model')) tell(line);
    tell(`  files: ${shownBytes(estimate.writtenBytes)}`);
    await assertDiskFits(estimate, place === undefined ? null : resolve(place), diskBytes, 'capture');
    return estimate.limits;
  }
}
