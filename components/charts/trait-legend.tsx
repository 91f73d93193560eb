/** What the lines under the cells of the strip mean, and which blocks have them. Nothing where all blocks are alike. */
import { type BlockTrait, traitPlaces } from '@/lib/core/model/config-index.ts';
import { drawTrait, TRAIT_HEIGHT } from './draw-traits.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';
import type { BlockPart } from './stream-part.ts';

const SWATCH = 16;

export function TraitLegend({ traits, blocks }: { traits: readonly BlockTrait[]; blocks: readonly BlockPart[] }) {
  const named = traitPlaces(traits, blocks);
  if (named.length === 0) return null;
  return (
    <ul aria-label="Marks of blocks" className="mb-2 flex flex-wrap gap-x-4 gap-y-0.5 text-xs text-muted">
      {named.map(({ trait, places }) => (
        <li key={trait.id} title={trait.about} className="flex items-center gap-1.5">
          <svg width={SWATCH} height={TRAIT_HEIGHT + 2} aria-hidden="true" className="shrink-0">
            <Marks marks={[drawTrait(traits.indexOf(trait), 1, SWATCH - 1, TRAIT_HEIGHT / 2 + 1, PAGE_PALETTE)]} />
          </svg>
          <span>
            {trait.label}: {places}
          </span>
        </li>
      ))}
    </ul>
  );
}
