/**
 * README.md of an exported model: front matter as the Hub reads it, what was replaced and how well, how it was made, what
 * it is not. Base model's licence is passed on where its card names one; nothing is claimed that was not measured.
 */
import { editKey } from '../edit/index.ts';
import { formatIntervalKey } from '../interval/index.ts';
import type { ReaderClass, StreamId, StreamSpec } from '../model/config-index.ts';
import { type Plan, PRODUCT_VERSION } from '../plan/index.ts';
import type { RunSettings, StreamError } from '../run/index.ts';
import type { ExportMetrics } from './metrics.ts';

export interface ModelCardInput {
  readonly name: string;
  /** The teacher's README.md, or null. */
  readonly baseCard: string | null;
  readonly className: string;
  /** Folder of the transformer below the root, or empty. */
  readonly folder: string;
  /** The result draws in Contigua, and its pipeline parts are here. */
  readonly hasCompanions: boolean;
  readonly streams: readonly StreamSpec[];
  /** The stream that the output is projected from. */
  readonly output: StreamId;
  readonly plan: Plan;
  /** Which class reads the model, where that is none of diffusers; null where it is. */
  readonly reader: ReaderClass | null;
  readonly metrics: ExportMetrics;
  readonly dtypes: CardDTypes;
}

/** Element types, each list separated by commas. */
export interface CardDTypes {
  /** As the teacher stores them. */
  readonly teacher: string;
  readonly trained: string;
  /** Those of the teacher's that diffusers does not load as they are, and what they are written in; null where there are none. */
  readonly decoded: { readonly from: string; readonly to: string } | null;
  /** Of the teacher's weights as they are written. */
  readonly unchanged: string;
}

/** Front matter that a derived model has in common with its base. */
const INHERITED = ['license', 'license_name', 'license_link', 'pipeline_tag'];

export function modelCard(input: ModelCardInput): string {
  const { plan, metrics, name } = input;
  const plugged = metrics.intervals.filter((interval) => interval.plugged);
  return `${[
    frontMatter(input),
    `# ${name}, ${plan.blocks.before} → ${plan.blocks.after} blocks`,
    `${summary(input, plugged.length)}`,
    ...replaced(input, plugged.length),
    ...narrower(plan, madeHow(metrics)),
    ...measured(input),
    '## Use',
    usage(input),
    '## How it was made',
    howMade(input),
    '## Limits',
    limits(input),
  ].join('\n\n')}\n`;
}

function replaced(input: ModelCardInput, plugged: number): string[] {
  if (plugged > 0) return ['## Replaced intervals', errorTable(input), legend(input)];
  const whole = input.plan.edits.length === 0;
  return whole ? ['## Replaced intervals', 'None: this is the teacher, block for block.'] : [];
}

/** How linear maps and shared modulations came about: a run trains them, a plan's export fits them. */
type Making = 'fitted' | 'trained' | 'fine-tuned';

function madeHow({ run, fineTuned }: ExportMetrics): Making {
  if (fineTuned) return 'fine-tuned';
  return run ? 'trained' : 'fitted';
}

const MAPS_MADE: Readonly<Record<Making, string>> = {
  fitted: 'Linear maps, fitted by least squares on the states of this model and not trained.',
  trained:
    'Linear maps, fitted by least squares and then trained on the states of this model; of every edit the better ones on held-out samples are in it.',
  'fine-tuned':
    'Linear maps, fitted by least squares, trained, and then trained with the whole model. Their errors are those from before the joint fine-tune.',
};

/** What linear maps stand for, and how far they are from it. */
function narrower({ edits }: Plan, making: Making): string[] {
  const width = edits.filter(({ on }) => on === 'text-stream' || on === 'ffn');
  if (width.length === 0) return [];
  const rows = width.map(
    (edit) => `| ${editKey(edit)} | ${('fitError' in edit ? edit.fitError?.toPrecision(3) : undefined) ?? 'n/a'} |`,
  );
  return [
    '## Narrower blocks',
    ['| edit | error |', '| --- | --- |', ...rows].join('\n'),
    `${MAPS_MADE[making]} Error: ‖ŷ − y‖ / ‖y‖ on held-out samples, of the map against the layers that it stands for; of several maps the root mean square. A text group \`a-b text\` attends from block a + 1 on to projections of the modulated text of block a.`,
  ];
}

function frontMatter({ name, baseCard, plan, metrics, reader }: ModelCardInput): string {
  const inherited = baseCard === null ? new Map<string, string>() : frontMatterOf(baseCard);
  const entries = new Map<string, string>([
    ['base_model', yamlText(name)],
    ['base_model_relation', 'finetune'],
    // The Hub offers code of the library that is named here.
    ...(reader?.module === null ? [] : [['library_name', 'diffusers'] as const]),
    ['license', 'unknown'],
  ]);
  for (const key of INHERITED) {
    const value = inherited.get(key);
    if (value) entries.set(key, value);
  }
  const lines = [...entries].map(([key, value]) => `${key}: ${value}`);
  const tags = [
    'contigua',
    ...(plan.edits.length === 0 || plan.edits.some(({ on }) => on === 'run') ? ['depth-pruning'] : []),
    ...(isTrained(plan, metrics) ? ['distillation'] : []),
  ];
  return ['---', ...lines, 'tags:', ...tags.map((tag) => `- ${tag}`), '---'].join('\n');
}

/** Top-level `key: value` lines, values as they are written there; lists and nested maps are left out. */
export function frontMatterOf(card: string): ReadonlyMap<string, string> {
  const [, block] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  const entries = new Map<string, string>();
  for (const line of (block ?? '').split(/\r?\n/)) {
    const [, key, value] = /^([A-Za-z_]+):[ \t]*(\S.*?)[ \t]*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined && !/^[|>&*!{[]/.test(value)) entries.set(key, value);
  }
  return entries;
}

function yamlText(text: string): string {
  return /^[A-Za-z][\w./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

function summary({ name, className, plan, metrics, dtypes }: ModelCardInput, plugged: number): string {
  const { before, after } = plan.parameters;
  const share = (100 * (1 - after / before)).toFixed(1);
  const removed = plan.blocks.before - plan.blocks.after;
  const narrowed = plan.blockMap.filter(({ fate }) => fate === 'narrowed').length;
  const shared = plan.edits.filter((edit) => edit.on === 'modulation');
  const making = madeHow(metrics);
  if (shared.length === plan.edits.length && shared.length > 0 && making !== 'fine-tuned') {
    return (
      `**${name}** with shared modulations, ${making === 'fitted' ? 'without any training' : 'trained against its output'}: ${grouped(before)} → ${grouped(after)} parameters (−${share} %). ` +
      `${shared.map(sharedWords).join(' ')} All other weights are the teacher’s${dtypes.decoded ? `, decoded from ${dtypes.decoded.from} to ${dtypes.decoded.to}` : ', byte for byte'}.`
    );
  }
  const parts = [
    plugged > 0 || plan.edits.length === 0
      ? `\`${className}\` distilled from **${name}**: ${count(plugged, 'interval')} of contiguous blocks replaced by one trained block each,`
      : `\`${className}\` pruned from **${name}** ${making === 'fitted' ? 'without training' : 'by training'}:`,
    `${count(removed, 'block')} fewer, ${grouped(before)} → ${grouped(after)} parameters (−${share} %).`,
    metrics.fineTuned
      ? 'Then fine-tuned as a whole against the teacher.'
      : dtypes.decoded
        ? `All other blocks are the teacher’s, decoded from ${dtypes.decoded.from} to ${dtypes.decoded.to}.`
        : 'All other blocks are the teacher’s, byte for byte.',
    ...(narrowed > 0
      ? [
          `Of these ${count(narrowed, 'block')} ${narrowed === 1 ? 'is' : 'are'} narrower${shared.length < plan.edits.filter(({ on }) => on !== 'run').length ? ': linear maps stand for layers of theirs' : ''}.`,
        ]
      : []),
    ...shared.map(sharedWords),
    ...(shared.length > 0 && making === 'fine-tuned' ? ['The error is that from before the joint fine-tune.'] : []),
  ];
  return parts.join(' ');
}

function sharedWords({ blocks, by, fitError }: Extract<Plan['edits'][number], { readonly on: 'modulation' }>): string {
  const whose =
    blocks === 'all' ? 'The blocks share their modulation' : `${count(blocks.length, 'block')} share modulation`;
  if ('table' in by) return `${whose} by a table of ${count(by.table.length, 'timestep')}, and run at no others.`;
  const error =
    fitError === null
      ? ''
      : `, which leaves ${(100 * fitError).toPrecision(2)} % error in the modulations at other timesteps`;
  return `${whose} by a basis of rank ${by.rank}${error}.`;
}

const BASELINES = ['first block alone', 'probes', 'removal'];

/** Direction errors of every stream, the output stream's relative ones too, as it is what pictures are made of. */
function errorTable({ metrics, streams, output }: ModelCardInput): string {
  const measures = streams.flatMap(
    ({ id, label }) =>
      [{ id, kind: 'direction', label }, ...(id === output ? [{ id, kind: 'relative', label } as const] : [])] as const,
  );
  const columns = ['interval', 'in here', ...measures.map(({ kind, label }) => `${label} ${kind}`), ...BASELINES];
  const rows = metrics.intervals.map(({ first, last, plugged, student, baselines }) => [
    formatIntervalKey({ first, last }),
    plugged ? 'student' : "teacher's blocks",
    ...measures.map(({ id, kind }) => figure(student?.[id], kind)),
    ...[baselines?.firstBlock, baselines?.probes, baselines?.removal].map((baseline) =>
      figure(baseline?.[output], 'direction'),
    ),
  ]);
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function legend({ streams, output, metrics }: ModelCardInput): string {
  const label = streams.find(({ id }) => id === output)?.label ?? output;
  const text = `On held-out samples, against the teacher's state after the interval. Direction: mean over tokens of ‖ĥ/‖ĥ‖ − h/‖h‖‖²; relative:
‖ĥ − h‖ / ‖h‖. The last three columns are the ${label} stream's direction errors of what a student has to beat: the interval's first
block as it stands, that block and linear probes of the others, and nothing in the interval's place. n/a: not measured.`;
  return metrics.fineTuned ? `${text} ${BEFORE_FINE_TUNE}` : text;
}

const BEFORE_FINE_TUNE = 'The students are those from before the joint fine-tune.';

function figure(error: StreamError | null | undefined, kind: keyof StreamError): string {
  return error ? error[kind].toPrecision(3) : 'n/a';
}

function measured({ metrics: { measured: subset }, dtypes }: ModelCardInput): string[] {
  if (!subset) return [];
  const lines = [
    '## Measured as a whole',
    `- Relative output error of one forward against the teacher: ${(100 * subset.outputError).toFixed(2)} %`,
  ];
  if (subset.facts) {
    const { held, total, pictures } = subset.facts;
    lines.push(
      `- Caption facts right: ${((100 * held) / total).toFixed(1)} % (${held} of ${total}, ${pictures} pictures)`,
    );
  }
  lines.push(
    `- One forward: ${subset.wholeMs.toFixed(1)} ms (teacher) → ${subset.subsetMs.toFixed(1)} ms, in turn in one run`,
  );
  // What was measured computed in float32, with trained weights as trained.
  if (dtypes.trained !== 'F32') lines.push(`- Measured before trained weights were rounded to ${dtypes.trained}`);
  return [lines[0] ?? '', lines.slice(1).join('\n')];
}

function usage({ className, folder, hasCompanions, dtypes, metrics, reader }: ModelCardInput): string {
  const isMixed =
    (dtypes.decoded !== null && dtypes.unchanged.includes(',')) ||
    (dtypes.unchanged !== dtypes.trained && (metrics.fineTuned || metrics.intervals.some(({ plugged }) => plugged)));
  // Loaded as they are, two types in one model do not compute together.
  const argument = (folder === '' ? '' : `, subfolder="${folder}"`) + (isMixed ? ', torch_dtype=torch.float32' : '');
  const rest = hasCompanions
    ? 'Contigua opens this folder as it lies; scheduler and text embeddings are the teacher’s.'
    : reader?.module === null
      ? 'Text encoder, VAE and scheduler are those of the base model, and are not in this folder.'
      : 'Text encoder, VAE and scheduler are those of the base model: pass `transformer=transformer` to its pipeline.';
  if (reader?.module === null) return `${reader.about}\n\n${rest}`;
  return `${reader === null ? '' : `${reader.about}\n\n`}\`\`\`python
${isMixed ? 'import torch\n' : ''}from ${reader?.module ?? 'diffusers'} import ${className}

transformer = ${className}.from_pretrained("this folder"${argument})
\`\`\`

${rest}`;
}

function howMade({ plan, metrics, dtypes }: ModelCardInput): string {
  const making = plan.edits.every(({ on }) => on === 'run') ? 'fitted' : madeHow(metrics);
  const methods = [
    ...(hasStudents(plan, metrics) ? [DISTILLED] : isOnlyShared(plan) || making !== 'fitted' ? [] : [UNTRAINED]),
    ...(making === 'fitted' ? [] : [MAKING[making]]),
    ...sharedMethods(plan),
  ];
  const { settings } = metrics;
  return [
    ...methods,
    ...(settings ? [settingsList(settings)] : []),
    `${trainedOrFitted(plan)} are stored in ${dtypes.trained}; the teacher’s in ${teachersWeights(dtypes)}. \`plan.json\` holds the intervals and the` +
      ` teacher’s fingerprint (\`${plan.model.fingerprint}\`), \`metrics.json\` all figures. Made with Contigua ${PRODUCT_VERSION}.`,
  ].join('\n\n');
}

/** What of the model is not the teacher's, for its element type. */
function trainedOrFitted({ edits }: Plan): string {
  return edits.some(({ on }) => on !== 'run')
    ? 'Trained weights, linear maps and shared modulations'
    : 'Trained weights';
}

function isTrained(plan: Plan, metrics: ExportMetrics): boolean {
  return hasStudents(plan, metrics) || metrics.fineTuned || madeHow(metrics) === 'trained';
}

function hasStudents({ edits }: Plan, { intervals }: ExportMetrics): boolean {
  return edits.length === 0 || intervals.some(({ plugged }) => plugged);
}

const MAKING: Readonly<Record<Exclude<Making, 'fitted'>, string>> = {
  trained:
    'Linear maps and shared modulations started in closed form and were trained with everything in place that they rest on: maps against what ' +
    'the same blocks do without them, modulations against the teacher’s output.',
  'fine-tuned':
    'Linear maps and shared modulations started in closed form, were trained by themselves, and then with the whole model against the teacher’s output.',
};

function isOnlyShared({ edits }: Plan): boolean {
  return edits.length > 0 && edits.every(({ on }) => on === 'modulation');
}

/** How what blocks share was found, by the kinds that the plan has. */
function sharedMethods({ edits }: Plan): string[] {
  const kinds = edits.flatMap((edit) => (edit.on === 'modulation' ? [edit.by] : []));
  return [...(kinds.some((by) => 'rank' in by) ? [BASIS] : []), ...(kinds.some((by) => 'table' in by) ? [TABLE] : [])];
}

const DISTILLED =
  'Contiguous layer distillation (PPCL, arXiv 2511.16156): each student saw the teacher’s states before its interval and learned those ' +
  'after it, independently of the others, so any subset can be plugged in.';

const BASIS =
  'The basis of shared modulations is the one that loses least of the modulations of the blocks that share it over the scheduler’s ' +
  'timesteps, as it is found in closed form.';

const TABLE =
  'The table of shared modulations holds what the teacher’s modulation layers give at each of its timesteps; nothing was fitted.';

const UNTRAINED =
  'Blocks were taken out, or made narrower with linear maps that were fitted in closed form; no weight was trained.';

function teachersWeights({ decoded, teacher, unchanged }: CardDTypes): string {
  if (!decoded) return `${teacher}, as they were`;
  return `${unchanged}: those in ${decoded.from} were decoded to ${decoded.to}, all others are as they were`;
}

function settingsList({ data, distil, fineTune }: RunSettings): string {
  const lines = [
    `- data: ${DATA[data.kind]}`,
    `- loss: ${distil.loss}${distil.loss === 'direction-magnitude' ? ` (magnitude weight ${distil.magnitudeWeight})` : ''}`,
    `- ${distil.steps} steps of ${distil.batch * distil.accumulation} samples per interval, started from the ${distil.start} block, seed ${distil.seed}`,
    ...(distil.distinctBatches === null ? [] : [`- ${distil.distinctBatches} different batches, over and over`]),
    `- AdamW, peak learning rate ${distil.learningRate}, ${distil.warmupSteps} warm-up steps, ${distil.schedule}, weight decay ${distil.weightDecay}` +
      (distil.ema === null ? '' : `, EMA ${distil.ema}${distil.emaWarmup ? ' with warm-up' : ''}`),
  ];
  if (fineTune)
    lines.push(
      `- joint fine-tune: ${fineTune.steps} steps of ${fineTune.batch}, ${fineTune.train} weights, rate ${fineTune.learningRate}`,
    );
  return lines.join('\n');
}

const DATA: Readonly<Record<RunSettings['data']['kind'], string>> = {
  shapes: 'pictures and captions of the sample grammar, made on the fly',
  file: 'a calibration file',
  synthetic: 'seeded noise, which says little about real inputs',
};

function limits({ metrics }: ModelCardInput): string {
  const lines = [
    'Errors are measured per interval, on samples like those trained on; other prompts, resolutions or step counts may fare worse.',
    'Whatever the teacher can not do, or does badly, this model does no better.',
  ];
  if (metrics.settings?.data.kind === 'synthetic')
    lines.unshift('**Trained on synthetic noise**: it shows that the pipeline works, not that the model draws.');
  if (!metrics.measured && metrics.intervals.some(({ plugged }) => plugged))
    lines.push('This very choice of students was not measured as a whole.');
  return lines.map((line) => `- ${line}`).join('\n');
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
