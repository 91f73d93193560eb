/**
 * The open model with edits in place: a route through it, with students and maps on the engine, and the model whose blocks share
 * their modulation.
 */
import { type EditSet, editKey, editSetOf, type ModulationEdit } from '../core/edit/index.ts';
import { type EditedRoute, mapsByBlock, openEdits, storeTrainedMaps, studentsKey } from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { editableModel, type NarrowBlock, type Transformer } from '../core/model/index.ts';
import { memoryStates } from '../core/states/index.ts';
import { mapsOnEngine } from '../core/width/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import { type FileHost, openFilesOf } from './folder/file-host.ts';
import type { EditSource, ProbeSource } from './protocol.ts';
import type { CallContext } from './serve.ts';
import { READ_WHOLE_BYTES, type Session } from './session.ts';

type OpenedEdits = Awaited<ReturnType<typeof openFilesOf<EditSource>>>;

export class EditedModels {
  constructor(
    private readonly session: Session,
    private readonly files: FileHost,
    private readonly fitted: FittedMaps,
  ) {}

  /** What draws or is timed: a route through the open model, or through the one whose blocks share their modulation. */
  async open(
    edits: readonly (EditSource | ModulationEdit)[],
    probes: ProbeSource | null,
    context: CallContext<never>,
  ): Promise<EditedRoute & { readonly transformer: Transformer }> {
    const set = editSetOf(edits, editableModel(this.session.model.config), 'the chosen edits');
    const transformer = await this.transformerSharing(modulationsAmong(set), context);
    const others = edits.filter((edit) => edit.on !== 'modulation');
    // Of a model whose weights are read block by block, maps are too.
    const opens = this.session.model.summary.sizeBytes > READ_WHOLE_BYTES;
    return { ...(await this.route(others, probes, context, opens)), transformer };
  }

  /** A route through the whole model. With `opensMaps`, maps of narrower blocks are on the engine while their block runs. */
  async route(
    edits: readonly EditSource[],
    probes: ProbeSource | null,
    context: CallContext<never>,
    opensMaps = false,
  ): Promise<EditedRoute> {
    const { model } = this.session;
    const opened = await openFilesOf(edits, this.files);
    return await openEdits(
      model,
      opened,
      (runs) => this.fitted.mapsFor(probes, runs, context),
      async (set, parts) => {
        const maps =
          (await this.#trainedMaps(opened, set)) ??
          (await this.fitted.widthFor(probes, set, parts, await studentsIn(opened), context)).maps;
        if (!opensMaps) return await mapsByBlock(model, set, maps);
        return async ({ index, maps: named }: NarrowBlock) => await mapsOnEngine(maps, index, named);
      },
    );
  }

  /** The maps of files, where the edits have some: then all of them do. */
  async #trainedMaps(opened: OpenedEdits, set: EditSet) {
    const edits = opened.flatMap((edit) => (edit.on !== 'run' && 'file' in edit ? [edit] : []));
    if (edits.length === 0) return null;
    const maps = { store: memoryStates(), owner: 'trained' };
    await storeTrainedMaps(this.session.model, edits, set, maps);
    return maps;
  }

  /** The model whose blocks share these modulations; as it is without any. */
  async transformerSharing(edits: readonly ModulationEdit[], context: CallContext<never>): Promise<Transformer> {
    if (edits.length === 0) return await this.session.transformer();
    const { openSharing } = await import('./modulations.ts');
    const key = edits.map(editKey).join(' ');
    return await this.session.sharingTransformer(
      key,
      async (whole) => await openSharing(this.session.model, whole, edits, context),
    );
  }
}

/** Tells apart the students of edits. */
export async function studentsIn(edits: OpenedEdits): Promise<string> {
  return await studentsKey(edits.flatMap((edit) => ('file' in edit && edit.on === 'run' ? [edit] : [])));
}

/** Throws `plan-invalid` for a table: it is exact at its own timesteps and takes no others, which samples and drawings have. */
export function modulationsAmong(edits: EditSet): ModulationEdit[] {
  const shared = edits.filter((edit) => edit.on === 'modulation');
  const table = shared.find(({ by }) => 'table' in by);
  if (!table) return shared;
  throw new ContiguaError(
    'plan-invalid',
    'A table of modulations takes no timesteps but its own, so that it is not measured',
    {
      found: editKey(table),
      expected: 'modulations shared by rank',
    },
  );
}
