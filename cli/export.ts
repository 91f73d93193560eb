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
import type { RunView } from '../lib/core/run/index.ts';
import { ENGINE_OPTION, onlyOne, parseOptions, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { exportPlan } from './export-plan.ts';
import { assertExportable, exportRun } from './export-run.ts';
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
  if (fineTuned && wanted !== undefined) throw usage('export', '--fine-tuned is of all students, --plugged of some');
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
    const plugged = wanted === undefined ? finished(run) : chosen(wanted, run);
    const display = progressOn(process.stderr);
    await exportRun(backend, run, { plugged, fineTuned, dtype, exporter }, out, { signal, onProgress: display.show })
      .finally(display.end)
      .catch((thrown: unknown) => {
        throw withModelHint(thrown);
      });
    const removed = removedCount(plugged);
    tell(`wrote ${out}: ${run.model.numBlocks} → ${run.model.numBlocks - removed} blocks`);
  });
}

/** All students that are there. */
function finished({ jobs }: RunView): IntervalSet {
  return jobs.flatMap(({ edit, state }) => (edit && state === 'done' ? [edit] : [])).sort((x, y) => x.first - y.first);
}

function chosen(keys: string, { model, jobs }: RunView): IntervalSet {
  const set = typed(keys, model);
  const students = jobs.filter(({ kind }) => kind === 'student');
  const unknown = set.map(formatIntervalKey).find((key) => !students.some((one) => one.key === key));
  if (unknown === undefined) return set;
  throw new ContiguaError('run-missing', 'The run has no student of that name', {
    found: unknown,
    expected: students.map(({ key }) => key).join(', '),
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
