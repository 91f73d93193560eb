/**
 * `contigua export MODEL --plan PLAN.json`: the model that a plan leaves, without training. Blocks after the first of a run go; text
 * groups and feed-forward layers become linear maps, which are fitted here on the states of the model with the runs and these edits
 * in place, and modulations are shared as the plan says.
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import type { EditSource, Tasks } from '../lib/compute/protocol.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { defaultTokens } from '../lib/core/capture/sample-tokens.ts';
import { editKey, editSetOf, runsOf } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import { type Exporter, editedConfigText, exportModel } from '../lib/core/export/index.ts';
import { openTeacher } from '../lib/core/export/open-teacher.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { editableModel, editedReader, parseModelConfig } from '../lib/core/model/config-index.ts';
import { modulationsFile } from '../lib/core/modulation/index.ts';
import { assertPlanFits, type Plan, parsePlan } from '../lib/core/plan/index.ts';
import { calibrationRequest } from './analyse.ts';
import { type Arguments, ENGINES } from './arguments.ts';
import { writeFolder } from './export-run.ts';
import { fittingFolder } from './fitting-place.ts';
import { modelSource } from './model-source.ts';
import { withModel } from './model-worker.ts';
import { tell } from './output.ts';
import { percentText } from './percent-text.ts';
import { progressOn } from './progress.ts';
import { readText } from './read-text.ts';
import { makeScratchFolder } from './scratch-folder.ts';

type Fitted = Tasks['fitWidth']['result']['fitted'];

export async function exportPlan(
  args: Arguments,
  planPath: string,
  out: string,
  { dtype, exporter }: { readonly dtype: 'teacher' | 'F32'; readonly exporter: Exporter },
  signal: AbortSignal,
): Promise<void> {
  const requestFor = calibrationRequest(args, signal, 'export');
  const plan = parsePlan(await readText(planPath, MAX_JSON_BYTES.plan), planPath);
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const fitting = fittingFolder('export', args);
  const folder = await makeScratchFolder(tmpdir(), 'contigua-export');
  const display = progressOn(process.stderr);
  try {
    const { fitted, shared, model, maps } = await withModel(args, engine, signal, async ({ client, model }) => {
      assertPlanFits(plan, model, planPath);
      const edits = untrainedEdits(plan, model, planPath);
      const options = { signal, onProgress: display.show };
      const requests = plan.edits.flatMap((edit) =>
        edit.on === 'modulation' ? [{ blocks: edit.blocks, by: edit.by }] : [],
      );
      const { found: shared } =
        requests.length > 0
          ? await client.call('modulations', { requests, calibration: null }, options)
          : { found: [] };
      const isNarrow = edits.some(({ on }) => on !== 'run');
      if (!isNarrow) return { fitted: [], shared, model, maps: null };
      const calibration = await requestFor(model);
      if (calibration.kind === 'synthetic') {
        tell('calibration: SYNTHETIC inputs. The maps are fitted on noise; real pictures give others.');
      }
      const probes = {
        calibration,
        ridge: plan.settings?.ridge ?? DEFAULT_RIDGE,
        split: 'prompt-groups',
        tokens: defaultTokens(model.width) ?? undefined,
      } as const;
      const saveTo = pathToFileURL(`${folder}/`).href;
      const place = await fitting.placeFor(client, model, probes, signal);
      const { fitted } = await client.call('fitWidth', { edits, probes, saveTo, ...place }, options);
      return { fitted, shared, model, maps: join(folder, 'maps.safetensors') };
    }).finally(display.end);
    for (const line of fitLines(fitted)) tell(line);

    const sources = nodeSources();
    sources.readUntil?.(signal);
    const { url } = await modelSource(args.model, signal);
    const runs = runsOf(plan.edits);
    const { fingerprint, family, width } = model;
    const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
    const errors = new Map(
      [
        ...fitted.map(({ edit, quality: { error } }) => ({ edit, error })),
        ...shared.map(({ edit, error }) => ({ edit, error })),
      ].map(({ edit, error }) => [editKey(edit), error]),
    );
    const narrow = plan.edits.flatMap((edit) =>
      edit.on === 'run' ? [] : [{ ...edit, fitError: errors.get(editKey(edit)) ?? edit.fitError }],
    );
    const files = await exportModel(exporter, {
      teacher: await openTeacher(await sources.openFolder(url), model.name),
      plan: { ...plan, edits: runs },
      students: [],
      removed: runs,
      fineTuned: null,
      run: null,
      dtype,
      ...(narrow.length === 0
        ? {}
        : {
            narrow: {
              edits: narrow,
              maps: maps === null ? [] : [await sources.openFile(pathToFileURL(maps).href, 'maps.safetensors')],
              ...(shared.length > 0 ? { modulations: modulationsFile(shared, { fingerprint, family, width }) } : {}),
            },
          }),
    });
    const writing = progressOn(process.stderr);
    await writeFolder(files, out, { signal, onProgress: writing.show }).finally(writing.end);
    const { blocks, parameters } = plan;
    const counted = [parameters.before, parameters.after].map((n) => n.toLocaleString('en-US')).join(' → ');
    tell(`wrote ${out}: ${blocks.before} → ${blocks.after} blocks, ${counted} parameters`);
    const told = editedReader(config, editSetOf(plan.edits, editableModel(config), planPath));
    if (!('why' in told) && told.reader?.module === null) {
      tell('No class of diffusers or PPCL reads the result: the folder opens in Contigua alone.');
    }
  } finally {
    await fitting.remove().finally(() => rm(folder, { recursive: true, force: true }));
  }
}

/** Those but modulations, where all of them can be had without training. Throws `plan-invalid`, naming the first that cannot. */
function untrainedEdits(plan: Plan, model: ModelSummary, file: string): EditSource[] {
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  const set = editSetOf(plan.edits, editableModel(config), file);
  // Tells why no class reads what is left, where none does.
  editedConfigText(model, set);
  if (set.length === 0) throw notUntrained('no edits', 'at least one', file);
  return set.flatMap((edit): EditSource[] => {
    if (edit.on === 'modulation') return [];
    if (edit.on !== 'run') return [edit];
    const { on, first, last, by } = edit;
    if (by === 'nothing') return [{ on, first, last, by }];
    const hint =
      by === 'student'
        ? 'Train it with `contigua distil`, and export the run.'
        : 'No class holds fitted maps in the place of whole blocks: plan with `--by nothing` or `--by student`.';
    throw notUntrained(editKey(edit), 'runs that are removed', file, hint);
  });
}

function notUntrained(found: string, expected: string, file: string, hint?: string): ContiguaError {
  const summary = 'This plan cannot be exported without training';
  return new ContiguaError('plan-invalid', summary, { file, found, expected, ...(hint ? { hint } : {}) });
}

/** One line for each edit. */
function fitLines(fitted: Fitted): string[] {
  if (fitted.length === 0) return [];
  return [
    'held-out error of the linear maps, ‖ŷ − y‖ / ‖y‖ (95 % over prompts), and as a share of what the layers change:',
    ...fitted.map(({ edit, quality: { error, bounds, changeError } }) => {
      const range = bounds ? ` (${percentText(bounds.low)} to ${percentText(bounds.high)})` : '';
      return `  ${editKey(edit)}: ${percentText(error)}${range}, ${percentText(changeError)} of the change`;
    }),
  ];
}
