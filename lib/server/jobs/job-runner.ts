/**
 * The job runner: takes waiting jobs for its free slots, keeps its leases, and puts right what dead job runners left. The
 * same loop runs inside the job host and alone on any machine (`npm run worker`). Training fills `slots` compute processes;
 * one more, started when it is needed, measures choices of students meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { asContiguaError } from '../../core/errors.ts';
import type { JobWorker } from '../../core/run/index.ts';
import { type EngineReport, NODE_ENGINES, type NodeEngine } from '../../core/tensor/engine.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { firstRow, json } from '../database/database.ts';
import type { ServerEnv } from '../env.ts';
import type { ServerModels } from '../models.ts';
import type { Lane } from '../queue.ts';
import { withRoom } from '../room.ts';
import { type Attempt, Fenced } from '../runs/attempt.ts';
import type { RunContext, Timing } from '../runs/context.ts';
import type { Calibrated, TimesForwards } from '../runs/estimate.ts';
import { collectGarbage } from '../runs/garbage.ts';
import { sweep } from '../runs/sweep.ts';
import { heartbeat, takeJob } from '../runs/take.ts';
import { sleep } from '../sleep.ts';
import { AttemptEnd } from './attempt-end.ts';
import type { AttemptTools } from './attempt-tools.ts';
import { ComputeSlot, type SlotModel, type StartCompute } from './compute-slot.ts';
import { runAttempt } from './run-attempt.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { type SharedStates, serveSharedStates } from './shared-states.ts';

export interface JobRunnerOptions {
  readonly context: RunContext;
  readonly store: ArtifactStore;
  readonly models: Pick<ServerModels, 'modelFolder' | 'calibrationFile'>;
  readonly env: Pick<ServerEnv, 'dataFolder' | 'engine' | 'slots' | 'threads'>;
  readonly timing: Timing;
  readonly startCompute: StartCompute;
  readonly maxLosses: number;
  /** Hears of what no job can say: an engine that does not start, a database or a store that does not answer. */
  report(sentence: string): void;
}

export interface JobRunner extends TimesForwards {
  readonly id: string;
  /** Its jobs store checkpoints and wait again; its processes and files are gone when this resolves. */
  close(): Promise<void>;
}

interface Place {
  readonly lane: Lane;
  readonly slot: ComputeSlot;
  busy: { readonly attempt: Attempt; readonly end: AttemptEnd; readonly over: Promise<void> } | null;
}

/** A measuring process that was idle for so long gives its memory back. */
const IDLE_MS = 60_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

export async function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const { dataFolder } = options.env;
  const scratch = await withRoom(dataFolder, () => openScratch(dataFolder));
  const stop = new AbortController();
  const { context, store, report } = options;
  const shared = context.db.embedded ? null : await serveSharedStates({ context, store, runnerId: id, report });
  const work = new Work(id, options, scratch, shared, stop.signal);
  const loops = work.run();
  return {
    id,
    calibrate: (model, signal) => work.calibrate(model, AbortSignal.any([signal, stop.signal])),
    async close() {
      stop.abort();
      await loops;
      await work.calibrated;
      await shared?.close();
      await scratch.close();
    },
  };
}

class Work {
  private readonly places: Place[];
  private report: EngineReport | null = null;
  /** The engine has started, or has said why not. */
  private ready: Promise<void> = Promise.resolve();
  /** Why there is no engine. */
  private refusal = '';
  private turn = 0;
  private restingUntil = 0;
  private readonly said = new Set<string>();

  constructor(
    private readonly id: string,
    private readonly options: JobRunnerOptions,
    private readonly scratch: Scratch,
    private readonly sharedStates: SharedStates | null,
    private readonly stopped: AbortSignal,
  ) {
    const { env } = options;
    const place = (lane: Lane): Place => ({ lane, slot: this.slot(), busy: null });
    this.places = [...Array.from({ length: env.slots }, () => place('train')), place('measure')];
  }

  private slot(): ComputeSlot {
    const { startCompute, env, timing } = this.options;
    return new ComputeSlot(startCompute, env.threads, timing);
  }

  async run(): Promise<void> {
    const { timing, context } = this.options;
    // Leases are kept until the last checkpoint is stored.
    const over = new AbortController();
    const onPausing = (wake: () => void) => context.wakeups.listen('pausing', wake);
    const beats = this.every(timing.heartbeat, over.signal, () => this.beat(), onPausing);
    const sweeps = this.every(timing.sweep, this.stopped, () => this.tidy());
    this.ready = this.startEngine();
    await this.ready;
    await this.takeJobs();
    await this.giveBackAll();
    over.abort();
    await Promise.all([beats, sweeps]);
    await this.sayFailures(async () => {
      await this.options.context.db.change('delete from contigua.workers where id = $1', [this.id]);
    });
  }

  /**
   * Tells which engine there is, and why; without one it takes no jobs and says so in the list of job runners. A process that
   * dies while it starts may do better next time, an engine that is not there will not.
   */
  private async startEngine(): Promise<void> {
    const { env } = this.options;
    const [first] = this.places;
    for (let wait = FIRST_RETRY_MS; !this.stopped.aborted && !this.report; wait = Math.min(2 * wait, LAST_RETRY_MS)) {
      try {
        this.report = (await first?.slot.startEngine(env.engine, this.stopped)) ?? null;
        this.refusal = '';
        await this.sayFailures(() => this.register());
      } catch (thrown) {
        await first?.slot.end();
        if (this.stopped.aborted) return;
        const { message, code } = asContiguaError(thrown);
        this.refusal = message;
        this.say(`This worker takes no jobs: ${message}`);
        await this.sayFailures(() => this.register());
        if (code === 'engine-unavailable') return;
        await sleep(wait, this.stopped);
      }
    }
  }

  /** Calibrations, one after the other. */
  calibrated: Promise<unknown> = Promise.resolve();

  calibrate(model: SlotModel, signal: AbortSignal): Promise<Calibrated | null> {
    const next = this.calibrated.then(() => this.timeForward(model, signal));
    this.calibrated = next.catch(() => null);
    return next;
  }

  private async timeForward(model: SlotModel, signal: AbortSignal): Promise<Calibrated | null> {
    const slot = this.slot();
    try {
      await this.ready;
      if (!this.report) return null;
      const { name, device } = await slot.startEngine(this.report.name, signal);
      await slot.openModel(model, signal);
      const { wholeMs, samples } = await slot.call('measure', { edits: [], probes: null }, { signal });
      return { host: hostname(), engine: name, device, forwardMs: wholeMs / samples };
    } finally {
      await slot.end();
    }
  }

  private async register(): Promise<void> {
    const { context, env } = this.options;
    const none = { name: '', device: '', threads: null, why: this.refusal, candidates: [] };
    await context.db.change(
      `insert into contigua.workers (id, host, pid, slots, report) values ($1, $2, $3, $4, $5::text::jsonb)
       on conflict (id) do update set seen_at = clock_timestamp(), report = excluded.report`,
      [this.id, hostname(), process.pid, env.slots, json(this.report ?? none)],
    );
  }

  private async takeJobs(): Promise<void> {
    const { context, timing } = this.options;
    const runner = this.identity();
    if (!runner || !this.report) return await aborted(this.stopped);
    const { candidates } = this.report;
    const engines = NODE_ENGINES.filter(
      (engine) => engine === 'auto' || candidates.some(({ name, available }) => available && name === engine),
    );
    const idle = new Map<Place, number>();
    while (!this.stopped.aborted) {
      let woken = false;
      const unlisten = context.wakeups.listen('queue', () => {
        woken = true;
      });
      await this.sayFailures(async () => {
        if (Date.now() < this.restingUntil || !(await this.anyWaiting())) return;
        for (const place of this.places) {
          if (place.busy || this.stopped.aborted) continue;
          const order = await this.inOrder(engines);
          const taken = await takeJob(context, place.lane, order, runner, timing.lease);
          if (taken) this.begin(place, taken);
        }
      });
      await this.endIdle(idle);
      unlisten();
      if (!woken) await sleep(timing.poll, this.stopped, (wake) => context.wakeups.listen('queue', wake));
    }
  }

  /**
   * The queue of the job that lost its job runner first, then another one each time, so that none is left waiting behind a
   * long one.
   */
  private async inOrder(engines: readonly NodeEngine[]): Promise<NodeEngine[]> {
    const begun = await firstRow(
      this.options.context.db,
      z.object({ engine: z.enum(NODE_ENGINES) }),
      `select r.settings ->> 'engine' as engine from contigua.jobs j join contigua.runs r on r.id = j.run_id
       where j.state = 'queued' and j.attempt > 0 and j.kind <> 'measure' order by j.queued_at, j.id limit 1`,
    );
    const known = begun ? engines.indexOf(begun.engine) : -1;
    const first = known >= 0 ? known : this.turn++ % engines.length;
    return [...engines.slice(first), ...engines.slice(0, first)];
  }

  /** Cheaper than asking every queue. */
  private async anyWaiting(): Promise<boolean> {
    if (this.places.every(({ busy }) => busy)) return false;
    const waiting = await this.options.context.db.rows(
      z.unknown(),
      `select 1 from contigua.jobs where state = 'queued' limit 1`,
    );
    return waiting.length > 0;
  }

  private begin(place: Place, taken: Parameters<typeof runAttempt>[0]): void {
    const { context, store, models, timing, env, maxLosses, report } = this.options;
    const runner = this.identity();
    if (!runner) return;
    const tools: AttemptTools = {
      context,
      store,
      models,
      timing,
      scratch: this.scratch,
      cacheFolder: join(env.dataFolder, 'cache'),
      sharedStates: this.sharedStates,
      slot: place.slot,
      runner,
      host: hostname(),
      slots: env.slots,
      maxLosses,
      report,
      rest: () => {
        this.restingUntil = Date.now() + timing.rest;
      },
    };
    const end = new AttemptEnd();
    const over = runAttempt(taken, tools, end)
      .catch((thrown: unknown) => report(asContiguaError(thrown).message))
      .then(() => {
        place.busy = null;
        context.wakeups.wake('queue');
      });
    place.busy = { attempt: taken.attempt, end, over };
  }

  private identity(): JobWorker | null {
    if (!this.report) return null;
    const { name, device, why } = this.report;
    return { id: this.id, engine: name, device, why };
  }

  private async beat(): Promise<void> {
    const { context, timing } = this.options;
    // A lease is kept by progress: it runs out under a process that hangs and cannot even be killed.
    const busy = this.places.flatMap(({ busy, slot }) => (busy && slot.works ? [{ ...busy, slot }] : []));
    const attempts = busy.map(({ attempt }) => attempt);
    const { mine, known } = await heartbeat(context, this.id, attempts, timing.lease);
    if (!known && (this.report || this.refusal)) await this.register();
    for (const { attempt, end, slot } of busy) {
      const held = mine.get(attempt.jobId);
      if (!held) end.atOnce(new Fenced('the job is another attempt’s, or its user’s'));
      else if (held.pausing) end.inOrder(this.stopPatience(slot));
    }
  }

  private stopPatience({ medianStepMs }: ComputeSlot): number {
    return Math.max(this.options.timing.stop, 3 * (medianStepMs ?? 0));
  }

  private async tidy(): Promise<void> {
    await sweep(this.options.context, this.options.maxLosses);
    await collectGarbage(this.options.context, this.options.store);
  }

  private async endIdle(idle: Map<Place, number>): Promise<void> {
    for (const place of this.places) {
      if (place.busy || place.lane === 'train') idle.delete(place);
      else if (!idle.has(place)) idle.set(place, Date.now());
      else if (Date.now() - (idle.get(place) ?? 0) > IDLE_MS) await place.slot.end();
    }
  }

  private async giveBackAll(): Promise<void> {
    for (const { busy, slot } of this.places) busy?.end.inOrder(this.stopPatience(slot));
    await Promise.all(this.places.map(({ busy }) => busy?.over));
    await Promise.all(this.places.map(({ slot }) => slot.end()));
  }

  /** Until the signal fires; sooner again where `listen` wakes it. */
  private async every(
    milliseconds: number,
    signal: AbortSignal,
    work: () => Promise<void>,
    listen: (wake: () => void) => () => void = () => () => {},
  ): Promise<void> {
    while (!signal.aborted) {
      // Listening before working: what wakes it in between is not missed.
      let woken = false;
      const unlisten = listen(() => {
        woken = true;
      });
      await this.sayFailures(work);
      unlisten();
      if (!woken) await sleep(milliseconds, signal, listen);
    }
  }

  /** What fails here is tried again by itself; each failure is said once. */
  private async sayFailures(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const { message, code } = asContiguaError(thrown);
      const sentence = code === 'internal' && thrown instanceof Error ? (thrown.stack ?? message) : message;
      this.say(sentence);
    }
  }

  private say(sentence: string): void {
    if (!this.said.has(sentence)) this.options.report(sentence);
    this.said.add(sentence);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
