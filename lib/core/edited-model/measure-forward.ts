/**
 * How long a forward pass takes, whole and pruned. The two alternate, so that a change in the machine's load meets both,
 * and medians are compared, with their interquartile ranges; the first run of each is not counted, because engines compile and pack weights in it.
 */
import { type Route, sliceSamples, type Transformer, type TransformerInputs } from '../model/index.ts';
import { pause } from '../pause.ts';
import { type Quartiles, spreadOf } from '../run/forward-times.ts';

export interface ForwardTiming {
  /** Medians of interleaved runs, milliseconds per forward of `samples` samples. */
  readonly wholeMs: number;
  readonly prunedMs: number;
  /** Lower and upper quartile of the same runs. */
  readonly wholeQuartilesMs: Quartiles;
  readonly prunedQuartilesMs: Quartiles;
  readonly samples: number;
  readonly runs: number;
}

export interface MeasureOptions {
  readonly signal: AbortSignal;
  readonly onRun?: (done: number, total: number) => void;
  /** Runs the pruned route, where edits change more than the route. */
  readonly edited?: Transformer | undefined;
}

const RUNS = 15;
/** A model that takes seconds is told apart by fewer runs: none begins after this time, once there are enough for quartiles. */
const LONG_MS = 60_000;
const FEWEST_RUNS = 5;
/** A drawing step's batch: one prompt, conditional and unconditional. Larger ones say the same and keep the worker longer. */
const SAMPLES = 2;

export async function measureForward(
  transformer: Transformer,
  calibration: TransformerInputs,
  pruned: Route | undefined,
  { signal, onRun, edited = transformer }: MeasureOptions,
): Promise<ForwardTiming> {
  const inputs = sliceSamples(calibration, 0, Math.min(SAMPLES, calibration.batch));
  const wholeTimes: number[] = [];
  const prunedTimes: number[] = [];
  const startedAt = performance.now();
  for (let run = 0; run <= RUNS; run++) {
    const whole = await timed(() => transformer.forward(inputs));
    // The same route twice would only measure noise.
    const isSame = pruned === undefined && edited === transformer;
    const short = isSame ? whole : await timed(() => edited.forward(inputs, pruned));
    if (run > 0) {
      wholeTimes.push(whole);
      prunedTimes.push(short);
    }
    const isLast = run >= FEWEST_RUNS && performance.now() - startedAt > LONG_MS;
    onRun?.(run, isLast ? run : RUNS);
    await pause(signal);
    if (isLast) break;
  }
  const [whole, short] = [spreadOf(wholeTimes), spreadOf(prunedTimes)];
  return {
    wholeMs: whole.median,
    prunedMs: short.median,
    wholeQuartilesMs: whole.quartiles,
    prunedQuartilesMs: short.quartiles,
    samples: inputs.batch,
    runs: wholeTimes.length,
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}
