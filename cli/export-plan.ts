/** `contigua export MODEL --plan`: what a plan does to a model without any training, as a folder. */
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { editKey } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import { type Exporter, exportModel } from '../lib/core/export/index.ts';
import { openTeacher } from '../lib/core/export/open-teacher.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { modulationsFile } from '../lib/core/modulation/index.ts';
import { assertPlanFits, type Plan, parsePlan } from '../lib/core/plan/index.ts';
import { type Arguments, ENGINES } from './arguments.ts';
import { writeFolder } from './export-run.ts';
import { modelSource } from './model-source.ts';
import { withModel } from './model-worker.ts';
import { tell } from './output.ts';
import { progressOn } from './progress.ts';
import { readText } from './read-text.ts';

export async function exportPlan(
  args: Arguments,
  planPath: string,
  out: string,
  { dtype, exporter }: { readonly dtype: 'teacher' | 'F32'; readonly exporter: Exporter },
  signal: AbortSignal,
): Promise<void> {
  const plan = parsePlan(await readText(planPath, MAX_JSON_BYTES.plan), planPath);
  const edits = untrainedEdits(plan, planPath);
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const display = progressOn(process.stderr);
  try {
    const { found, model } = await withModel(args, engine, signal, async ({ client, model }) => {
      assertPlanFits(plan, model, planPath);
      const requests = edits.map(({ blocks, by }) => ({ blocks, by }));
      const options = { signal, onProgress: display.show };
      return { model, found: await client.call('modulations', { requests, calibration: null }, options) };
    });
    const sources = nodeSources();
    sources.readUntil?.(signal);
    const { url, name } = await modelSource(args.model, signal);
    const teacher = await openTeacher(await sources.openFolder(url), name);
    const { fingerprint, family } = model;
    const errors = new Map(found.found.map(({ edit, error }) => [editKey(edit), error]));
    const files = await exportModel(exporter, {
      teacher,
      plan: { ...plan, edits: [] },
      students: [],
      fineTuned: null,
      narrow: {
        edits: edits.map((edit) => ({ ...edit, fitError: errors.get(editKey(edit)) ?? edit.fitError })),
        maps: null,
        modulations: modulationsFile(found.found, { fingerprint, family, width: teacher.config.width }),
      },
      run: null,
      dtype,
    });
    await writeFolder(files, out, { signal, onProgress: display.show });
  } finally {
    display.end();
  }
  const { before, after } = plan.parameters;
  tell(`wrote ${out}: ${[before, after].map((n) => n.toLocaleString('en-US')).join(' → ')} parameters`);
  tell('No class of diffusers or PPCL reads shared modulations: the folder opens in Contigua alone.');
}

/** Modulations are found in closed form; everything else is trained first, or is a preview. */
function untrainedEdits({ edits }: Plan, file: string) {
  const other = edits.find(({ on }) => on !== 'modulation');
  if (!other && edits.length > 0) return edits.filter((edit) => edit.on === 'modulation');
  throw new ContiguaError(
    'plan-invalid',
    'A plan is exported without training where it shares modulations and does nothing else',
    {
      file,
      found: other ? editKey(other) : 'no edits',
      expected: 'modulations by rank or by a table',
      hint: 'Train the others with `contigua distil`, then export that run; --modulation shares its modulations.',
    },
  );
}
