/**
 * What edits that make blocks narrower save, block by block. Their savings do not all add up: a linear map takes rows of a modulation
 * matrix with it, which are worth less where modulations are shared. So each edit is priced beside each modulation that a plan may have.
 */
import type { FfnEdit, ModulationEdit, TextStreamEdit } from '../edit/index.ts';
import {
  architectureOf,
  type BlockForm,
  basisTensors,
  blockAt,
  blockInForm,
  elementsOf,
  type ModelConfig,
  modulatedBlocks,
  type StreamTokens,
} from '../model/config-index.ts';

/** One forward of one sample; `ms` is null where the blocks were not timed. */
export interface Saved {
  readonly parameters: number;
  readonly flops: number;
  readonly ms: number | null;
}

export interface NarrowCosts {
  /** What the edit saves where modulations are as they are, or shared by `modulation`. */
  saves(edit: FfnEdit | TextStreamEdit, modulation: ModulationEdit | null): Saved;
  /** What the modulation saves with each block that stays [numBlocks]. */
  savesPerBlock(modulation: ModulationEdit): readonly Saved[];
  /** What it costs once, whatever blocks stay. */
  basisOf(modulation: ModulationEdit): Saved;
}

export function narrowCosts(
  config: ModelConfig,
  tokens: StreamTokens,
  blockMs: readonly (number | null)[],
): NarrowCosts {
  const { blocks } = architectureOf(config);
  const isTimed = blocks.every((_, block) => typeof blockMs[block] === 'number');
  const known = new Map<string, { readonly parameters: number; readonly flops: number }>();
  /** Blocks of one kind cost alike. */
  const costOf = (index: number, form: BlockForm) => {
    const block = blockAt({ blocks }, index);
    const key = `${block.kind} ${formKey(form)}`;
    let cost = known.get(key);
    if (!cost) {
      const { parameters, flops } = blockInForm(block, form, config.width);
      cost = { parameters, flops: flops(tokens) };
      known.set(key, cost);
    }
    return cost;
  };
  const between = (index: number, before: BlockForm, after: BlockForm): Saved => {
    const [from, to, whole] = [costOf(index, before), costOf(index, after), costOf(index, {})];
    const flops = from.flops - to.flops;
    return {
      parameters: from.parameters - to.parameters,
      flops,
      // A block takes as long as its share of the operations.
      ms: isTimed ? (blockMs[index]! * flops) / whole.flops : null,
    };
  };
  const sharing = new Map<ModulationEdit, ReadonlySet<number>>();
  const shares = (index: number, modulation: ModulationEdit) => {
    const found = sharing.get(modulation) ?? new Set(modulatedBlocks(blocks, modulation));
    sharing.set(modulation, found);
    return found.has(index);
  };
  const formOf = (index: number, modulation: ModulationEdit | null): BlockForm => {
    if (!modulation || !shares(index, modulation)) return {};
    const { by } = modulation;
    return { modulation: { source: 0, ...('rank' in by ? { rank: by.rank } : { timesteps: by.table }) } };
  };
  return {
    saves(edit, modulation) {
      const changed: [number, BlockForm][] =
        edit.on === 'ffn'
          ? [[edit.block, { linearFfn: [edit.stream] }]]
          : Array.from({ length: edit.last - edit.first }, (_, i) => [
              edit.first + 1 + i,
              { text: edit.first + 1 + i === edit.last ? 'end' : 'projected' },
            ]);
      return sumOf(
        changed.map(([index, form]) => {
          const shared = formOf(index, modulation);
          return between(index, shared, { ...shared, ...form });
        }),
      );
    },
    savesPerBlock: (modulation) => blocks.map(({ index }) => between(index, {}, formOf(index, modulation))),
    basisOf({ by }) {
      const [basis] = 'rank' in by ? basisTensors([by], config.width) : [];
      const parameters = basis ? -elementsOf(basis.shape) : 0;
      const times = blocks.flatMap(({ parts }) =>
        Array.isArray(parts?.modulation) ? parts.modulation.map((part) => part.times) : [],
      );
      return { parameters, flops: 2 * Math.max(1, ...times) * parameters, ms: isTimed ? 0 : null };
    },
  };
}

/** Forms of one key cost alike: of a table, the number of its timesteps decides. */
function formKey({ text, linearFfn = [], modulation }: BlockForm): string {
  const shared = !modulation
    ? ''
    : 'rank' in modulation
      ? `rank ${modulation.rank}`
      : `of ${modulation.timesteps.length}`;
  return `${text ?? 'whole'} ${linearFfn.join('+')} ${shared}`;
}

function sumOf(all: readonly Saved[]): Saved {
  return all.reduce(
    (sum, one) => ({
      parameters: sum.parameters + one.parameters,
      flops: sum.flops + one.flops,
      ms: sum.ms === null || one.ms === null ? null : sum.ms + one.ms,
    }),
    { parameters: 0, flops: 0, ms: 0 as number | null },
  );
}
