/** The trained linear maps of edits, from their files into a store and from there onto the engine. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { type EditSet, sameEdit } from '../edit/index.ts';
import { digestOfFile } from '../folder/digest.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { architectureOf, narrowBlocks, type Route, type StudentWeights, type WeightSet } from '../model/index.ts';
import { type MappedEdit, type MapStore, mapsOfEdit, mapsOnEngine, storeMaps } from '../width/index.ts';
import { editedRoute } from './edited-route.ts';

export type MapsEdit<File = NamedBlob> = MappedEdit & { readonly file: File };

/** `set` has the edits with all others that change where their maps are: runs, and each other. */
export async function storeTrainedMaps(
  { config, summary }: OpenModel,
  edits: readonly MapsEdit[],
  set: EditSet,
  to: MapStore,
): Promise<void> {
  const narrow = narrowBlocks(
    architectureOf(config),
    set.filter((one) => one.on !== 'modulation' && isGiven(one)),
  );
  const { fingerprint, family, width } = summary;
  for (const edit of edits) {
    await storeMaps(edit.file, { fingerprint, family, width }, mapsOfEdit(edit, narrow), to);
  }

  function isGiven(one: EditSet[number]): boolean {
    return one.on === 'run' || edits.some((edit) => sameEdit(edit, one));
  }
}

/** Tells apart maps of the same edits. */
export async function mapsKey(edits: readonly MapsEdit[]): Promise<string> {
  const digests: string[] = [];
  for (const { file } of edits) digests.push((await digestOfFile(file)).slice(0, 16));
  return digests.join(' ');
}

/** Of the blocks that hold some, on the engine; the caller's. */
export async function mapsByBlock(
  { config }: Pick<OpenModel, 'config'>,
  set: EditSet,
  from: MapStore,
): Promise<Map<number, WeightSet>> {
  const sets = new Map<number, WeightSet>();
  try {
    for (const { index, maps } of narrowBlocks(architectureOf(config), set).values()) {
      if (maps.length > 0) sets.set(index, await mapsOnEngine(from, index, maps));
    }
    return sets;
  } catch (thrown) {
    for (const held of sets.values()) held.dispose();
    throw thrown;
  }
}

/** The way through the model with students and maps of a valid set without modulations in place. Students stay the caller's. */
export async function trainedRoute(
  { config }: Pick<OpenModel, 'config'>,
  edits: EditSet,
  students: readonly StudentWeights[],
  from: MapStore,
): Promise<{ readonly route: Route; dispose(): void }> {
  return await editedRoute(config, edits, { students }, () => mapsByBlock({ config }, edits, from));
}
