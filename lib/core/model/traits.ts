/** Which blocks of a model have which trait, in words: what pages, figures and the terminal say alike. */
import type { BlockTrait } from './architecture.ts';

interface TraitBearer {
  readonly traits?: readonly string[];
}

export interface TraitPlaces {
  readonly trait: BlockTrait;
  /** "blocks 0–12 and 15" */
  readonly places: string;
}

/** Traits that no block has are left out. */
export function traitPlaces(traits: readonly BlockTrait[], blocks: readonly TraitBearer[]): readonly TraitPlaces[] {
  return traits.flatMap((trait) => {
    const runs = runsOf(blocks.map((block) => hasTrait(block, trait.id)));
    if (runs.length === 0) return [];
    const [first] = runs;
    const one = runs.length === 1 && first && first[0] === first[1];
    const spans = runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
    return [{ trait, places: `${one ? 'block' : 'blocks'} ${LIST.format(spans)}` }];
  });
}

export function hasTrait({ traits = [] }: TraitBearer, id: string): boolean {
  return traits.includes(id);
}

/** Labels of a block's traits, in the order in which the model declares them. */
export function traitLabels(traits: readonly BlockTrait[], block: TraitBearer | undefined): readonly string[] {
  return traits.filter(({ id }) => block && hasTrait(block, id)).map(({ label }) => label);
}

const LIST = new Intl.ListFormat('en-GB');

/** First and last index of every run of `true`. */
function runsOf(flags: readonly boolean[]): (readonly [first: number, last: number])[] {
  const firsts = flags.flatMap((flag, index) => (flag && !flags[index - 1] ? [index] : []));
  return firsts.map((first) => {
    const end = flags.indexOf(false, first);
    return [first, end === -1 ? flags.length - 1 : end - 1];
  });
}
