/** Which of the maps of a model's narrower blocks belong to one edit. */
import type { FormMap, NarrowBlock } from '../model/index.ts';
import type { PlacedMap } from './map-file.ts';
import type { MappedEdit } from './map-fitter.ts';

/** In order of depth. `narrow` is of a set that the edit is in. */
export function mapsOfEdit(edit: MappedEdit, narrow: ReadonlyMap<number, NarrowBlock>): (FormMap & PlacedMap)[] {
  return [...narrow.values()].flatMap(({ index, maps }) =>
    maps
      .filter(({ gives, stream }) =>
        edit.on === 'ffn'
          ? gives === 'ffn' && index === edit.block && stream === edit.stream
          : gives !== 'ffn' && index > edit.first && index <= edit.last,
      )
      .map((map) => ({ ...map, block: index })),
  );
}
