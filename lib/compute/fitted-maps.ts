/** Linear maps that a task asks for, fitted on the calibration of an analysis where the session does not hold them yet. */
import { type EditSet, mappedRuns, type RunEdit } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { type BlockInterval, formatIntervalKey } from '../core/interval/index.ts';
import type { EditParts, FittedMapOf, StreamProbes } from '../core/model/index.ts';
import { type AnalysisSources, storeKey } from './analysis-sources.ts';
import type { FileHost } from './folder/file-host.ts';
import type { EngineLimits, FittingPlace, ProbeSource } from './protocol.ts';
import type { CallContext } from './serve.ts';
import type { Session } from './session.ts';

export class FittedMaps {
  constructor(
    private readonly session: Session,
    private readonly files: FileHost,
    private readonly analyses: AnalysisSources,
  ) {}

  /** Fitting maps anew is told as the stage `probes`. */
  async #mapsOf(
    runs: readonly BlockInterval[],
    source: ProbeSource,
    { signal, onProgress }: CallContext<never>,
    limits?: EngineLimits,
  ) {
    return await this.session.mapsOf(await this.analyses.of(source), runs, {
      signal,
      ridge: source.ridge,
      engineBytes: limits?.engineBytes,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }

  /** What edits are measured on; maps are fitted where one of the edits needs them. */
  async inputsFor(edits: readonly RunEdit[], source: ProbeSource, context: CallContext<never>, limits?: EngineLimits) {
    return await this.#mapsOf(mappedRuns(edits), source, context, limits);
  }

  /** Where it is not named, what is fitted stays where it is. */
  async fitIn({ states }: FittingPlace): Promise<void> {
    if (!states) return;
    const { model, engine } = this.session;
    const open = () => this.files.openStates(states.url, states.sizeBytes, storeKey('fitted', model, engine));
    await this.session.fitIn({ url: states.url, open });
  }

  /** Of runs that are replaced by linear maps. */
  async mapsFor(
    source: ProbeSource | null,
    runs: readonly BlockInterval[],
    context: CallContext<never>,
    limits?: EngineLimits,
  ): Promise<FittedMapOf> {
    if (source) {
      const { maps } = await this.#mapsOf(runs, source, context, limits);
      const found = new Map<string, StreamProbes>();
      for (const run of runs) found.set(formatIntervalKey(run), await maps.across(run));
      return (run) => found.get(formatIntervalKey(run));
    }
    throw mapsNeedAnAnalysis();
  }

  /** Of runs that are replaced by fitted maps. */
  async partsOf(
    runs: readonly BlockInterval[],
    source: ProbeSource,
    context: CallContext<never>,
    limits?: EngineLimits,
  ): Promise<EditParts> {
    return runs.length > 0 ? { maps: await this.mapsFor(source, runs, context, limits) } : {};
  }

  /** Of edits that make blocks narrower. Fitting is told as the stage `probes`. */
  async widthFor(
    source: ProbeSource | null,
    set: EditSet,
    parts: EditParts,
    students: string,
    { signal, onProgress }: CallContext<never>,
    limits?: EngineLimits,
  ) {
    if (!source) throw mapsNeedAnAnalysis();
    return await this.session.widthOf(await this.analyses.of(source), set, students, {
      parts,
      engineBytes: limits?.engineBytes,
      ridge: source.ridge,
      signal,
      onBlock: (done, total) => onProgress({ stage: 'probes', done, total }),
    });
  }
}

function mapsNeedAnAnalysis(): ContiguaError {
  return new ContiguaError('not-ready', 'Probes come from an analysis, and none was named', {
    hint: 'Run Analyse first.',
  });
}
