/** `contigua capture`: states of a model as a trace, with the inputs that they are of, to be analysed elsewhere. */
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseIntervalKeys } from '../lib/core/interval/index.ts';
import type { NumberRange } from '../lib/core/number-range.ts';
import { calibrationRequest } from './analyse.ts';
import { ENGINE_OPTION, ENGINES, parseArguments } from './arguments.ts';
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
    ...ENGINE_OPTION,
    ...SOURCE_OPTIONS,
  });
  const folder = resolve(args.required('out'));
  const rows = args.number('rows', ROWS, ROWS_RANGE);
  const dtype = args.oneOf('dtype', DTYPES, 'F32');
  const intervals = args.text('intervals');
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const requestFor = calibrationRequest(args, signal, 'capture');
  const display = progressOn(process.stderr);
  const written = await withModel(args, engine, signal, async ({ client, model }) => {
    if (intervals !== undefined) parseIntervalKeys(intervals, model, '--intervals');
    const saveTo = pathToFileURL(folder).href;
    const request = { calibration: await requestFor(model), rows, dtype, intervals, saveTo };
    return await client.call('capture', request, { signal, onProgress: display.show });
  }).finally(display.end);
  const { trace, calibration, boundaries } = written;
  const files = [trace, calibration, ...(boundaries ? [boundaries] : [])].map(
    ({ url, sizeBytes }) => `${basename(url)} (${(sizeBytes / 1e6).toFixed(1)} MB)`,
  );
  tell(`wrote ${args.required('out')}: ${files.join(', ')}`);
}
