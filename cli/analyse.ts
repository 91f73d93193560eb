/** `contigua analyse`: the whole analysis of a model, as the report that the page, the planner and notebooks read. */
import type { CalibrationSource } from '../lib/compute/protocol.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { type Arguments, ENGINE_OPTION, ENGINES, parseArguments, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { linkedFile, withModel } from './model-worker.ts';
import { assertWritable, tell, writeText } from './output.ts';
import { progressOn } from './progress.ts';

const MADE_INPUTS = ['samples', 'timesteps', 'seed'] as const;
/** All states of all samples are in memory at once: far beyond what is of use. */
const MAX_SAMPLES = 16_384;
const DEFAULTS = { samples: 64, timesteps: 8, seed: 1 } as const;

export async function analyse(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('analyse', argv, {
    calibration: { type: 'string' },
    samples: { type: 'string' },
    timesteps: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string' },
    ...ENGINE_OPTION,
  });
  const requestFor = calibrationRequest(args);
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const out = args.text('out');
  if (out !== undefined) await assertWritable(out);
  const display = progressOn(process.stderr);
  const report = await withModel(args.model, engine, signal, async ({ client, model }) => {
    const calibration = requestFor(model);
    if (calibration.kind === 'synthetic') {
      tell('calibration: SYNTHETIC inputs. They show that the analysis runs, not what real pictures would show.');
    }
    return await client.call('analyse', { calibration }, { signal, onProgress: display.show });
  }).finally(display.end);
  tell(`calibration: ${report.calibration.label}`);
  await writeText(out, `${JSON.stringify(report)}\n`);
}

/** Checked before the model is opened, so that a wrong command line costs nothing. */
function calibrationRequest(args: Arguments): (model: ModelSummary) => CalibrationSource {
  const file = args.text('calibration');
  if (file !== undefined) {
    const surplus = MADE_INPUTS.filter((name) => args.text(name) !== undefined);
    if (surplus.length > 0) {
      throw usage('analyse', `--${surplus[0]} does not go with --calibration, which brings its own samples`);
    }
    return () => ({ kind: 'file', file: linkedFile(file) });
  }
  const samples = args.count('samples', DEFAULTS.samples, 2, MAX_SAMPLES);
  const timesteps = args.count('timesteps', Math.min(DEFAULTS.timesteps, samples), 1);
  const seed = args.count('seed', DEFAULTS.seed, 0);
  if (timesteps > samples) throw usage('analyse', 'There are fewer samples than time steps');
  return ({ drawable }) => ({ kind: drawable ? 'shapes' : 'synthetic', samples, timesteps, seed });
}
