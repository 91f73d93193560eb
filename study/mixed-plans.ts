/**
 * Predicted against measured damage of mixed plans: runs, text groups, feed-forward layers and shared modulations in one model, closed
 * form alone. Every edit is measured by itself as a report does it (the held-out samples that `contigua analyse` takes), and every plan
 * on the same samples and on captions that nothing was fitted on. Linear maps are fitted for each plan, as `--measure` does.
 */
import { findModulations, openSharing } from '../lib/compute/modulations.ts';
import {
  choiceDamage,
  type DamageInputs,
  damageInputsOf,
  editDamage,
  type FittedMaps,
  fitMaps,
  listedMaps,
} from '../lib/core/analysis/index.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { type Edit, type EditSet, editKey, formatEditParam, type ModulationEdit } from '../lib/core/edit/index.ts';
import { formatIntervalKey } from '../lib/core/interval/index.ts';
import { narrowBlocks, type Transformer } from '../lib/core/model/index.ts';
import { memoryStates } from '../lib/core/states/index.ts';
import { fitWidth, mapsOnEngine, measureWidth } from '../lib/core/width/index.ts';
import { CALIBRATION, calibrationText } from './calibration.ts';
import { everyInterval, shuffled } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import { candidatesOf, type MixedPlan, mixedPlans } from './mixed-draw.ts';
import type { Sample } from './sample.ts';

/** Relative output errors; null where the edited model overflows. */
export interface MeasuredError {
  /** On the held-out samples of the calibration, which edits alone are measured on too. */
  readonly heldOut: number | null;
  /** On other captions and noise. */
  readonly unseen: number | null;
}

export interface MeasuredMix extends MixedPlan, MeasuredError {
  readonly seconds: number;
}

export interface Mixes {
  /** Of each edit alone, by `editKey`, on the held-out samples. */
  readonly alone: ReadonlyMap<string, number>;
  /** Relative error of the modulations by rank from 0; empty where the model does not share any. */
  readonly modulationErrors: readonly number[];
  readonly plans: readonly MeasuredMix[];
}

const UNSEEN_SAMPLES = 32;
const ORDER_SEED = 1;
const NAME = `mixed plans, ${CALIBRATION.samples} samples of seed ${CALIBRATION.seed}${calibrationText()}`;

export async function mixesOf(sample: Sample): Promise<Mixes> {
  const { config, summary } = sample.model;
  // In an order that leaves every mix with plans where the measurement is cut off.
  const plans = shuffled(mixedPlans(config, summary.stacks), ORDER_SEED);
  let bench: Promise<MixBench> | null = null;
  const opened = () => (bench ??= MixBench.open(sample));
  const [alone] = await measuredOf([
    () => sample.ledger.once(`${NAME}: edits alone`, async () => await (await opened()).alone()),
  ]);
  const measured = await measuredOf(
    plans.map((plan) => async () => {
      const name = formatEditParam(plan.edits, 'nothing');
      const found = await sample.ledger.once(`${NAME}: ${name}, ${UNSEEN_SAMPLES} unseen samples`, async () => {
        const startedAt = performance.now();
        const errors = await (await opened()).measure(plan.edits);
        const seconds = (performance.now() - startedAt) / 1000;
        console.error(
          `${summary.name} ${name}: ${errors.heldOut?.toFixed(4)}, unseen ${errors.unseen?.toFixed(4)}, ${seconds.toFixed(1)} s`,
        );
        return { ...errors, seconds };
      });
      return { ...plan, ...found };
    }),
  );
  return {
    alone: new Map(Object.entries(alone?.errors ?? {})),
    modulationErrors: alone?.modulationErrors ?? [],
    plans: measured,
  };
}

interface Alone {
  readonly errors: Readonly<Record<string, number>>;
  readonly modulationErrors: readonly number[];
}

/** What all measurements share: the fitted maps and states of one analysis, the whole model's outputs, and models with shared modulations. */
class MixBench {
  readonly #sharing = new Map<string, Transformer>();
  readonly #signal = new AbortController().signal;

  private constructor(
    private readonly sample: Sample,
    private readonly calibration: Awaited<ReturnType<typeof calibrationFor>>,
    private readonly inputs: { readonly heldOut: DamageInputs; readonly unseen: DamageInputs },
    private readonly maps: FittedMaps,
  ) {}

  static async open(sample: Sample): Promise<MixBench> {
    const calibration = await calibrationFor(sample.model, CALIBRATION);
    const runs = everyInterval(sample.model.summary.stacks);
    const maps = listedMaps(await fitMaps(sample.transformer, calibration, { runs }));
    const batches = sample.unseenInputs(UNSEEN_SAMPLES);
    const samples = Array.from({ length: UNSEEN_SAMPLES }, (_, i) => i);
    const unseen = {
      batches,
      samples,
      groups: samples,
      bandOf: samples.map(() => 0),
      bands: 1,
      maps,
      wholeOutputs: [],
    };
    return new MixBench(sample, calibration, { heldOut: damageInputsOf(calibration, maps), unseen }, maps);
  }

  async alone(): Promise<Alone> {
    const { transformer, model } = this.sample;
    const signal = this.#signal;
    const candidates = candidatesOf(model.config, model.summary.stacks);
    const errors: Record<string, number> = {};
    const add = (edit: Edit, error: number | null) => {
      if (error !== null) errors[editKey(edit)] = error;
    };
    const of = <On extends Edit['on']>(on: On) =>
      [...candidates.values()].flat().filter((edit): edit is Extract<Edit, { readonly on: On }> => edit.on === on);
    for (const edit of of('run')) {
      const [measured] = await editDamage(transformer, this.inputs.heldOut, [edit], { signal });
      add(edit, measured?.outputError ?? null);
    }
    const widths = [...of('text-stream'), ...of('ffn')];
    const measured = await measureWidth(transformer, this.calibration, this.inputs.heldOut, widths, { waysAtOnce: 1 });
    for (const { edit, outputError } of measured) add(edit, outputError);
    for (const edit of of('modulation')) add(edit, (await this.measure([edit])).heldOut);
    return { errors, modulationErrors: of('modulation').length > 0 ? await this.#modulationErrors() : [] };
  }

  async #modulationErrors(): Promise<number[]> {
    const { model, transformer } = this.sample;
    const context = { signal: this.#signal, onProgress: () => {} };
    const requests = [{ blocks: 'all', by: { rank: 4 } }] as const;
    const { found } = await findModulations(model, transformer, requests, null, context);
    return Array.from(found[0]?.errors ?? []);
  }

  /** All edits together. */
  async measure(edits: EditSet): Promise<MeasuredError> {
    const { transformer } = this.sample;
    const others = edits.filter(({ on }) => on !== 'modulation');
    const narrow = narrowBlocks(transformer.architecture, others);
    const fitted = { store: memoryStates(), owner: 'plan' };
    if (narrow.size > 0) {
      const found = new Map<string, Awaited<ReturnType<FittedMaps['across']>>>();
      for (const edit of others) {
        if (edit.on === 'run' && edit.by === 'linear') found.set(formatIntervalKey(edit), await this.maps.across(edit));
      }
      const parts = {
        maps: (run: { readonly first: number; readonly last: number }) => found.get(formatIntervalKey(run)),
      };
      await fitWidth(transformer, this.calibration, others, { ...fitted, parts });
    }
    const shared = edits.filter((edit): edit is ModulationEdit => edit.on === 'modulation');
    const edited = await this.#sharingBy(shared);
    const openMaps = async (block: number) => await mapsOnEngine(fitted, block, narrow.get(block)!.maps);
    const errorOn = async (inputs: DamageInputs) =>
      (await choiceDamage(edited, inputs, others, { signal: this.#signal }, openMaps, transformer)).outputError;
    try {
      return { heldOut: await errorOn(this.inputs.heldOut), unseen: await errorOn(this.inputs.unseen) };
    } finally {
      await fitted.store.dispose();
    }
  }

  async #sharingBy(edits: readonly ModulationEdit[]): Promise<Transformer> {
    const { model, transformer } = this.sample;
    if (edits.length === 0) return transformer;
    const key = edits.map(editKey).join(' ');
    const known = this.#sharing.get(key);
    if (known) return known;
    const opened = await openSharing(model, transformer, edits, { signal: this.#signal, onProgress: () => {} });
    this.#sharing.set(key, opened);
    return opened;
  }
}
