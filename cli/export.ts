/** `contigua export`: any subset of a run's finished students, plugged into their teacher, or what a plan does without training, as a folder. */
import { ContiguaError } from '../lib/core/errors.ts';
import { DEFAULT_EXPORTER, EXPORTERS, exporterNamed } from '../lib/core/export/index.ts';
import {
  type Depth,
  formatIntervalKey,
  type IntervalSet,
  parseIntervalKeys,
  removedCount,
} from '../lib/core/interval/index.ts';
import { doneKeys, type RunView } from '../lib/core/run/index.ts';
import { ENGINE_OPTION, onlyOne, parseOptions, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { exportPlan } from './export-plan.ts';
import { assertExportable, exportRun } from './export-run.ts';
import { PLACE_OPTIONS } from './fitting-place.ts';
import { BACKEND_OPTIONS, localPaths, withBackend } from './local-backend.ts';
import { isRemote, modelSource, SOURCE_OPTIONS } from './model-source.ts';
import { tell } from './output.ts';
import { progressOn } from './progress.ts';

/** What the maps of a plan are fitted on. */
const OF_A_PLAN = {
  plan: { type: 'string' },
  calibration: { type: 'string' },
  samples: { type: 'string' },
  timesteps: { type: 'string' },
  seed: { type: 'string' },
  ...PLACE_OPTIONS,
  ...ENGINE_OPTION,
} as const;
const DTYPES = ['teacher', 'F32'] as const;

export async function exportModel(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const { positionals, ...args } = parseOptions('export', argv, {
    out: { type: 'string' },
    plugged: { type: 'string' },
    'fine-tuned': { type: 'boolean' },
    dtype: { type: 'string' },
    format: { type: 'string' },
    model: { type: 'string' },
    'data-folder': BACKEND_OPTIONS['data-folder'],
    ...OF_A_PLAN,
    ...SOURCE_OPTIONS,
  });
  const planPath = args.text('plan');
  const id = onlyOne('export', planPath === undefined ? 'RUN' : 'MODEL', positionals);
  const out = args.required('out');
  const wanted = args.text('plugged');
  const dtype = args.oneOf('dtype', DTYPES, 'teacher');
  const format = args.oneOf(
    'format',
    EXPORTERS.map(({ name }) => name),
    DEFAULT_EXPORTER.name,
  );
  const exporter = exporterNamed(format);
  const fineTuned = args.flag('fine-tuned');
  const ofPlan = Object.keys(OF_A_PLAN).find((name) => args.text(name) !== undefined);
  if (ofPlan !== undefined && planPath === undefined) throw usage('export', `--${ofPlan} goes with --plan`);
  if (fineTuned && wanted !== undefined)
    throw usage('export', '--fine-tuned is of all that was trained, --plugged of some');
  await assertExportable(out);
  if (planPath !== undefined) {
    const ofRuns = (['plugged', 'fine-tuned', 'model', 'data-folder'] as const).find(
      (name) => args.flag(name) || args.text(name) !== undefined,
    );
    if (ofRuns) throw usage('export', `--${ofRuns} is of runs, and --plan of a model`);
    await exportPlan({ ...args, model: id }, planPath, out, { dtype, exporter }, signal);
    return;
  }
  const model = args.text('model');
  const pinned = model !== undefined && isRemote(model) ? (await modelSource(model, signal)).url : model;
  const { env } = await localPaths(args, pinned === undefined ? {} : { model: pinned }, false);
  await withBackend(env, async (backend) => {
    const run = await backend.viewRun(id);
    const { plugged, narrow } = wanted === undefined ? finished(run) : chosen(wanted, run);
    const display = progressOn(process.stderr);
    await exportRun(backend, run, { plugged, narrow, fineTuned, dtype, exporter }, out, {
      signal,
      onProgress: display.show,
    })
      .finally(display.end)
      .catch((thrown: unknown) => {
        throw withModelHint(thrown);
      });
    const removed = removedCount(plugged);
    const also = narrow.length > 0 ? `, with ${narrow.join(', ')}` : '';
    tell(`wrote ${out}: ${run.model.numBlocks} → ${run.model.numBlocks - removed} blocks${also}`);
  });
}

interface Chosen {
  readonly plugged: IntervalSet;
  /** Keys of jobs that make blocks narrower. */
  readonly narrow: readonly string[];
}

/** All that is there. */
function finished({ jobs }: RunView): Chosen {
  const done = doneKeys(jobs);
  const plugged = jobs.flatMap(({ key, edit }) => (edit && done.includes(key) ? [edit] : []));
  return {
    plugged: plugged.sort((x, y) => x.first - y.first),
    narrow: jobs.flatMap(({ key, narrow }) => (narrow && done.includes(key) ? [key] : [])),
  };
}

function chosen(keys: string, { model, jobs }: RunView): Chosen {
  const all = keys.split(',').map((key) => key.trim());
  const narrow = all.filter((key) => /^[a-z]/.test(key));
  const set = typed(all.filter((key) => !narrow.includes(key)).join(','), model);
  const own = jobs.filter(({ kind }) => kind !== 'fine-tune');
  const unknown = [...set.map(formatIntervalKey), ...narrow].find((key) => !own.some((one) => one.key === key));
  if (unknown === undefined) return { plugged: set, narrow };
  throw new ContiguaError('run-missing', 'The run has nothing trained of that name', {
    found: unknown,
    expected: own.map(({ key }) => key).join(', '),
  });
}

function typed(keys: string, depth: Depth): IntervalSet {
  try {
    return parseIntervalKeys(keys, depth, '--plugged');
  } catch (thrown) {
    if (thrown instanceof ContiguaError) throw new ContiguaError('usage', thrown.summary, thrown.details);
    throw thrown;
  }
}

function withModelHint(thrown: unknown): unknown {
  if (!(thrown instanceof ContiguaError) || thrown.code !== 'path-forbidden') return thrown;
  const hint = 'Name the folder, or the address, that the run was made with: --model FOLDER.';
  return new ContiguaError(thrown.code, thrown.summary, { ...thrown.details, hint });
}
