/** `contigua runs`: the runs in the database, or one of them with its intervals. Only looks: no job starts meanwhile. */
import { formatIntervalKey } from '../lib/core/interval/index.ts';
import { printable } from '../lib/core/printable.ts';
import type { RunView } from '../lib/core/run/index.ts';
import type { RunSummary } from '../lib/server/backend.ts';
import { onlyOne, parseOptions } from './arguments.ts';
import type { Command } from './command.ts';
import { errorTable } from './error-table.ts';
import { BACKEND_OPTIONS, localPaths, withBackend } from './local-backend.ts';
import { writeText } from './output.ts';

export const runs: Command = async (argv) => {
  const { positionals, ...args } = parseOptions('runs', argv, {
    json: { type: 'boolean' },
    'data-folder': BACKEND_OPTIONS['data-folder'],
  });
  const id = positionals.length === 0 ? null : onlyOne('runs', 'RUN', positionals);
  const { env } = await localPaths(args, {}, false);
  await withBackend(env, async (backend) => {
    if (id === null) {
      const all = await backend.listRuns();
      await writeText(undefined, args.flag('json') ? `${JSON.stringify(all, null, 2)}\n` : listOf(all));
      return;
    }
    const run = await backend.viewRun(id);
    await writeText(undefined, args.flag('json') ? `${JSON.stringify(run, null, 2)}\n` : pageOf(run));
  });
};

function listOf(all: readonly RunSummary[]): string {
  if (all.length === 0) return 'no runs\n';
  const rows = all.map(({ id, state, done, intervals, createdAt, modelName, name }) =>
    [id, state.padEnd(9), `${done} of ${intervals}`, createdAt.slice(0, 16).replace('T', ' '), modelName, name]
      .map((cell) => printable(cell))
      .join('  '),
  );
  return `${rows.join('\n')}\n`;
}

function pageOf(run: RunView): string {
  const { settings, model, plan } = run;
  const { distil } = settings;
  return [
    `${run.name} (${run.id}), ${run.state}`,
    `  model       ${model.name}, ${plan.blocks.before} → ${plan.blocks.after} blocks, ${plan.edits.map(formatIntervalKey).join(', ')}`,
    `  data        ${settings.data.kind === 'file' ? settings.data.path : settings.data.kind}, engine ${settings.engine}`,
    `  training    ${distil.loss}, ${distil.steps} steps of ${distil.batch * distil.accumulation}, rate ${distil.learningRate}, seed ${distil.seed}`,
    ...run.jobs.map(({ key, state, pausing, step, steps, worker, error, note }) => {
      const where = worker ? `, ${worker.engine} (${worker.device})` : '';
      return `  ${key.padEnd(10)}  ${pausing ? 'pausing' : state}, ${step} of ${steps} steps${where}${error ? `: ${error}` : ''}${note ? ` (${note})` : ''}`;
    }),
    '',
  ]
    .map((line) => printable(line))
    .concat(errorTable(run))
    .join('\n');
}
