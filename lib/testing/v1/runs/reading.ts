/**
 * What a stored run means, as plain facts: all that the page and the terminal can ask the backend about it. Where the types
 * of runs change, this file alone follows; facts.json stays as version 1's code made it.
 */
import type { JobView, RunView, StepPoint } from '../../../core/run/index.ts';
import type { Backend } from '../../../server/backend.ts';
import { factsOf } from '../plans/reading.ts';
import { digestOf } from '../read-fixture.ts';

export const RUNS = ['Finished', 'Paused', 'Failed', 'Cancelled'] as const;
export type RunName = (typeof RUNS)[number];

export async function runFacts(backend: Backend, id: string) {
  const view = await backend.viewRun(id);
  const { plan, jobs, subsets, model, ...rest } = view;
  const events = await eventsOf(backend, view);
  return {
    ...rest,
    model: { ...model, costs: costFacts(model.costs) },
    plan: factsOf(plan),
    jobs: await Promise.all(
      jobs.map(async ({ kind: _, edit, ...job }) => ({
        ...job,
        interval: edit && { first: edit.first, last: edit.last },
        ...(await jobFacts(backend, id, job)),
      })),
    ),
    subsets: subsets.map(({ pictures, ...subset }) => ({
      ...subset,
      pictures: pictures.map(({ png, ...picture }) => ({ ...picture, png: digestOf(png) })),
    })),
    events: {
      types: events.map(({ event }) => event.type).join(' '),
      numbers: events.map((one) => one.id).join(' '),
    },
  };
}

/** Version 1 stored one number for all blocks, which later versions read as one per block. */
function costFacts({ blockParameters, flopsPerForward, flopsPerBlock }: RunView['model']['costs']) {
  const ofAll = (values: readonly number[]) => (new Set(values).size === 1 ? values[0] : values);
  return { blockParameters: ofAll(blockParameters), flopsPerForward, flopsPerBlock: ofAll(flopsPerBlock) };
}

/** Version 1 had two streams, and no text loss where the text took no part. */
function pointFacts({ step, losses, gradientNorm, learningRate, durationMs }: StepPoint) {
  return { step, image: losses.image, text: losses.text ?? null, gradientNorm, learningRate, durationMs };
}

async function jobFacts(backend: Backend, id: string, { key, state }: Pick<JobView, 'key' | 'state'>) {
  const curve = (await backend.curve(id, key)).map(pointFacts);
  return {
    curve: { steps: curve.length, first: curve[0] ?? null, last: curve.at(-1) ?? null, digest: digestOf(curve) },
    trained: state === 'done' ? (await backend.openTrained(id, key)).sha256 : null,
  };
}

async function eventsOf(backend: Backend, { id, lastEventId }: RunView) {
  const events = [];
  const stop = new AbortController();
  for await (const event of backend.follow(id, 0, stop.signal)) {
    events.push(event);
    if (event.id >= lastEventId) stop.abort();
  }
  return events;
}

/** Ids by name. */
export async function runIds(backend: Backend): Promise<Readonly<Record<RunName, string>>> {
  const all = await backend.listRuns();
  const idOf = (name: RunName) => all.find((run) => run.name === name)?.id ?? '';
  return { Finished: idOf('Finished'), Paused: idOf('Paused'), Failed: idOf('Failed'), Cancelled: idOf('Cancelled') };
}
