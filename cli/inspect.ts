/** `contigua inspect`: what a model is, as a table for people or JSON for programs. */

import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { countFlops, parseModelConfig, traitPlaces } from '../lib/core/model/config-index.ts';
import { printable } from '../lib/core/printable.ts';
import { ENGINE_OPTION, ENGINES, parseArguments } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { SOURCE_OPTIONS } from './model-source.ts';
import { HEADERS_ONLY, withModel } from './model-worker.ts';
import { writeText } from './output.ts';

export async function inspect(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('inspect', argv, { json: { type: 'boolean' }, ...ENGINE_OPTION, ...SOURCE_OPTIONS });
  const engine = args.oneOf('engine', ENGINES, HEADERS_ONLY);
  const model = await withModel(args, engine, signal, async (opened) => opened.model);
  await writeText(undefined, args.flag('json') ? `${JSON.stringify(model, null, 2)}\n` : tableOf(model));
}

type Row = readonly [label: string, value: string];

/** "60, of 339,831,296 parameters each"; a line for each kind where there are several. */
function blockRows({ numBlocks, blocks, stacks }: ModelSummary): readonly Row[] {
  const kinds = new Map<string, { label: string; count: number; parameters: number }>();
  for (const { kind, stack, parameters } of blocks) {
    // Kinds of one stack are told apart by their names, a stack of one kind by its own.
    const isUniform = blocks.every((other) => other.stack !== stack || other.kind === kind);
    const stackLabel = stacks.find(({ id }) => id === stack)?.label ?? stack;
    const label = isUniform ? stackLabel : kind;
    const key = `${stack} ${kind} ${parameters}`;
    const known = kinds.get(key) ?? { label, count: 0, parameters };
    kinds.set(key, { ...known, count: known.count + 1 });
  }
  const [only, ...others] = kinds.values();
  if (only && others.length === 0) return [['blocks', `${numBlocks}, of ${grouped(only.parameters)} parameters each`]];
  return [
    ['blocks', String(numBlocks)],
    ...[...kinds.values()].map(({ label, count, parameters }): Row => {
      return ['', `${count} ${label}, of ${grouped(parameters)} parameters${count > 1 ? ' each' : ''}`];
    }),
  ];
}

function tableOf(model: ModelSummary): string {
  const { tokensPerForward: tokens } = model;
  const flops = countFlops(parseModelConfig(JSON.stringify(model.config), 'config.json'), tokens);
  const rows: readonly Row[] = [
    ['class', `${model.className}, ${model.family} family`],
    ...blockRows(model),
    ...traitPlaces(model.traits, model.blocks).map(({ trait, places }): Row => [trait.label, places]),
    ['width', `${model.width} = ${model.numHeads} heads × ${model.headDim}`],
    ['text width', grouped(model.textDim)],
    ['image token', `${model.inChannels} features in`],
    ['parameters', `${scaled(model.parameters, 1000, '')} (${grouped(model.parameters)})`],
    ...(model.costNote ? [['shared', model.costNote] as const] : []),
    model.configAlone
      ? ['weights', 'none here: all of this is counted from config.json alone']
      : [
          model.trace ? 'states' : 'weights',
          `${model.dtypes.join(', ')}, ${scaled(model.sizeBytes, 1000, 'B')} in ${files(model.files)}`,
        ],
    [
      'one forward',
      `${scaled(flops.total, 1000, 'FLOP')} for ${tokens.image} image and ${tokens.text} text tokens (${model.picture})`,
    ],
    [
      'prompts',
      model.drawable ? 'draws pictures of the sample grammar' : 'none: no text encoder of the sample grammar',
    ],
    ['fingerprint', `${model.fingerprint}${model.configAlone ? ', of config.json alone' : ''}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = [model.name, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)];
  return [...lines.map((line) => printable(line)), ''].join('\n');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}

/** Three significant figures with an SI prefix: 10.9 MB, 5.44 M, 1.23 TFLOP. */
function scaled(value: number, base: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  const power = Math.min(prefixes.length - 1, Math.floor(Math.log(Math.max(value, 1)) / Math.log(base)));
  return `${Number((value / base ** power).toPrecision(3))} ${prefixes[power]}${unit}`.trimEnd();
}
