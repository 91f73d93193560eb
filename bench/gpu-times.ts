/** Forward passes and training steps of one engine beside the same of others and of PyTorch, in turns, as ratios. */
import {
  type Contestant,
  engineForward,
  engineTraining,
  pytorchForward,
  pytorchTraining,
  type Times,
} from './contestants.ts';
import {
  type GpuOptions,
  milliseconds,
  ratioOf,
  type SectionPlan,
  shownDifference,
  worstDifference,
} from './gpu-section.ts';
import { SIZES, tokensOf } from './train-step-sizes.ts';
import { load, spread, takeTurns } from './turns.ts';

export function forwardSection(options: GpuOptions, folder: string): SectionPlan {
  return {
    title: `Forward pass of ${folder}`,
    async measure(owned) {
      const contestants = [options.engine, ...options.others].map((name) =>
        engineForward(name, folder, options.threads),
      );
      if (options.pytorch) contestants.push(pytorchForward(options.pytorch, folder));
      for (const contestant of contestants) owned(() => contestant.end());
      const failures = new Map<string, string>();
      const rows: string[][] = [];
      const data: unknown[] = [];
      for (const batch of options.batches) {
        const taken = await takeTurns(
          contestants.filter(({ name }) => !failures.has(name)),
          { turns: options.turns, steps: 1, what: String(batch), onFailure: noteIn(failures) },
        );
        rows.push([`${batch}`, ...timeCells(contestants, taken)]);
        data.push({ batch, times: timesByName(taken) });
      }
      return {
        columns: ['samples at once', ...timeColumns(contestants)],
        rows,
        notes: [
          `64 image and 16 text tokens a sample, float32, output read back; ${load()}`,
          ...failureNotes(failures),
        ],
        data: { batches: data, failures: Object.fromEntries(failures) },
        failed: failures.size > 0,
      };
    },
  };
}

export function trainingSection(options: GpuOptions, name: string): SectionPlan {
  return {
    title: `Training step, ${name}`,
    async measure(owned) {
      const size = SIZES[name];
      if (!size) throw new Error(`no such size; there are ${Object.keys(SIZES).join(', ')}`);
      const engines = [options.engine, ...options.others].filter((engine) => size.fitsWasm || engine !== 'wasm');
      const contestants = engines.map((engine) => engineTraining(engine, name, options.threads));
      if (options.pytorch) contestants.push(pytorchTraining(options.pytorch, size));
      for (const contestant of contestants) owned(() => contestant.end());
      const failures = new Map<string, string>();
      const { turns } = options;
      const taken = await takeTurns(contestants, { turns, steps: size.steps, onFailure: noteIn(failures) });
      const [ours, ...peers] = contestants;
      const found = ours && taken.get(ours)?.values;
      const differences = peers.flatMap((peer) => {
        const values = taken.get(peer)?.values;
        return values ? [{ against: peer.name, difference: worstOfEach(found, values) }] : [];
      });
      const { image, text } = tokensOf(size);
      return {
        columns: timeColumns(contestants),
        rows: [timeCells(contestants, taken)],
        notes: [
          `One block, width ${size.heads * size.headDim}, ${image} + ${text} tokens, batch ${size.batch}: forward, gradients of all weights, clipping, AdamW, float32; ${load()}`,
          ...differences.map(
            ({ against, difference }) =>
              `Losses and gradient norm of the third step, worst difference from ${against}: ${shownDifference(difference)}`,
          ),
          ...(found?.some((value) => value === null) ? ['**The losses are no numbers.**'] : []),
          ...failureNotes(failures),
        ],
        data: { size, times: timesByName(taken), third: found, differences, failures: Object.fromEntries(failures) },
        failed: failures.size > 0 || !found || found.some((value) => value === null),
      };
    },
  };
}

/** Each relative to itself, as losses and norms differ in size. */
function worstOfEach(found: Times['values'], reference: NonNullable<Times['values']>): number {
  return Math.max(...reference.map((value, i) => worstDifference(found?.slice(i, i + 1), [value])));
}

function timeColumns([ours, ...peers]: readonly Contestant[]): string[] {
  return [ours?.name ?? '', ...peers.flatMap(({ name }) => [name, `${ours?.name} ÷ ${name}`])];
}

/** Times of every contestant and, of all but the first, what the first takes in comparison. */
function timeCells([ours, ...peers]: readonly Contestant[], taken: ReadonlyMap<Contestant, Times>): string[] {
  const own = ours && taken.get(ours)?.wallMs;
  const time = (times: readonly number[] | undefined) => (times ? milliseconds(spread(times).median) : 'failed');
  return [
    time(own),
    ...peers.flatMap((peer) => {
      const times = taken.get(peer)?.wallMs;
      return [time(times), own && times ? ratioOf(own, times) : ''];
    }),
  ];
}

function timesByName(taken: ReadonlyMap<Contestant, Times>) {
  return Object.fromEntries([...taken].map(([{ name }, { wallMs, cpuMs }]) => [name, { wallMs, cpuMs }]));
}

const noteIn = (failures: Map<string, string>) => (contestant: Contestant, reason: string) => {
  failures.set(contestant.name, reason);
};

function failureNotes(failures: ReadonlyMap<string, string>): string[] {
  return [...failures].map(([name, reason]) => `**${name} failed**: ${reason}`);
}
