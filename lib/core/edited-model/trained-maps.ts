/** The trained linear maps of edits, from their files into a store. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { type EditSet, sameEdit } from '../edit/index.ts';
import { digestOfFile } from '../folder/digest.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { architectureOf, narrowBlocks } from '../model/index.ts';
import { type MappedEdit, type MapStore, mapsOfEdit, storeMaps } from '../width/index.ts';

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
