/**
 * The model that edits leave, taken apart like any other: blocks that stay, each in its form, with their tensors, parameters and
 * operations, from the config alone. `edits` are a valid set (`editSetOf`). Probes are no part of it; plans count them.
 */
import { type EditSet, type ModulationEdit, runsOf } from '../edit/edit.ts';
import { removedBlocks } from '../interval/interval-set.ts';
import {
  type BlockSpec,
  type ModelConfig,
  type NotAPart,
  parametersOf,
  type SharedModulation,
  type StreamTokens,
  type TensorSpec,
} from './architecture.ts';
import { type BlockForm, blockInForm } from './block-form.ts';
import { architectureOf, blockAt } from './counts.ts';
import { modulatedBlocks } from './editable.ts';
import { familyNamed } from './families.ts';
import type { ReaderClass } from './family.ts';
import { prunedModel } from './pruned.ts';
import { basisTensors } from './shared-modulation.ts';

/** A block of the edited model. */
export interface EditedBlock extends Pick<BlockSpec, 'kind' | 'tensors' | 'parameters' | 'flops'> {
  /** Index in the whole model. */
  readonly old: number;
  readonly form: BlockForm;
}

export interface EditedModel {
  readonly blocks: readonly EditedBlock[];
  readonly globals: readonly TensorSpec[];
  readonly parameters: number;
  /** Operations of one forward of one sample. */
  flops(tokens: StreamTokens): number;
}

export function editedModel(config: ModelConfig, edits: EditSet): EditedModel {
  const whole = architectureOf(config);
  const removed = new Set(removedBlocks(runsOf(edits)));
  const kept = whole.blocks.map(({ index }) => index).filter((index) => !removed.has(index));
  const pruned = architectureOf(kept.length === whole.blocks.length ? config : prunedModel(config, kept));
  const shared = whole.sharedModulations?.length ?? 0;
  const forms = formsOf(whole.blocks, edits, kept, shared);
  const blocks = pruned.blocks.map((block, place): EditedBlock => {
    const old = kept[place] ?? place;
    const form = forms.get(old) ?? {};
    return { old, form, ...blockInForm(block, form, config.width) };
  });
  const bases = basisTensors(edits.filter((edit) => edit.on === 'modulation').map(sharedBy), config.width, shared);
  const globals = [...pruned.globals, ...bases];
  // Every conditioning goes through the basis once.
  const times = Math.max(1, ...whole.blocks.flatMap(timesOf));
  return {
    blocks,
    globals,
    parameters: parametersOf(globals) + blocks.reduce((sum, { parameters }) => sum + parameters, 0),
    flops: (tokens) =>
      pruned.globalFlops(tokens) +
      2 * times * parametersOf(bases) +
      blocks.reduce((sum, block) => sum + block.flops(tokens), 0),
  };
}

/** The config of the edited model, as its family's class or one that extends it reads it; else why no class does. */
export function editedConfig(config: ModelConfig, edits: EditSet): ModelConfig | NotAPart {
  const told = editedReader(config, edits);
  return 'why' in told ? told : told.config;
}

/** The same, with the class that reads it; null where it is diffusers' own. */
export function editedReader(
  config: ModelConfig,
  edits: EditSet,
): { readonly config: ModelConfig; readonly reader: ReaderClass | null } | NotAPart {
  const family = familyNamed(config.family);
  const { blocks } = architectureOf(config);
  const edited = editedModel(config, edits).blocks;
  if (edited.every(({ form }) => Object.keys(form).length === 0)) {
    const kept = edited.map(({ old }) => old);
    const pruned = prunedModel(config, kept);
    return { config: pruned, reader: family.readerOf?.(pruned) ?? null };
  }
  const told = family.editedKeys?.(
    config,
    edited.map(({ old, form }) => ({ block: blockAt({ blocks }, old), form })),
  ) ?? { why: `No class of ${family.label} has blocks of other forms.` };
  if ('why' in told) return told;
  const result = family.parse({ ...config.raw, ...told.keys }, config.className, 'config.json');
  return { config: result, reader: family.readerOf?.(result) ?? null };
}

/**
 * What each block that stays becomes, by its index in the whole model; a block that is not named stays as it is. `shared` are the
 * modulations that blocks of the whole model share already.
 */
export function formsOf(
  blocks: readonly BlockSpec[],
  edits: EditSet,
  kept: readonly number[],
  shared = 0,
): ReadonlyMap<number, BlockForm> {
  const forms = new Map<number, BlockForm>();
  const change = (index: number, part: BlockForm) => forms.set(index, { ...forms.get(index), ...part });
  const sources = edits.filter(({ on }) => on === 'modulation');
  for (const edit of edits) {
    switch (edit.on) {
      case 'run':
        break;
      case 'text-stream': {
        const held = kept.filter((index) => index > edit.first && index <= edit.last);
        held.forEach((index, i) => {
          change(index, { text: i === held.length - 1 ? 'end' : 'projected' });
        });
        break;
      }
      case 'ffn':
        change(edit.block, { linearFfn: [...(forms.get(edit.block)?.linearFfn ?? []), edit.stream] });
        break;
      case 'modulation':
        for (const index of modulatedBlocks(blocks, edit)) {
          const modulation = { source: shared + sources.indexOf(edit), ...sharedBy(edit) };
          if (kept.includes(index)) change(index, { modulation });
        }
        break;
      default:
        edit satisfies never;
    }
  }
  return forms;
}

function sharedBy({ by }: ModulationEdit): SharedModulation {
  return 'rank' in by ? { rank: by.rank } : { timesteps: by.table };
}

function timesOf({ parts }: BlockSpec): number[] {
  return Array.isArray(parts?.modulation) ? parts.modulation.map(({ times }) => times) : [];
}
