/** Runs over the wire: each procedure checks its input, calls the backend and returns what it gave. */
import { tracked } from '@trpc/server';
import { z } from 'zod';
import { runRequest } from '../runs/run-request.ts';
import { followRuns, MOST_FOLLOWED } from './follow-runs.ts';
import { procedure, router } from './trpc.ts';

const MAX_BLOCK = 9999;

/** Ids of runs and keys of jobs become parts of artifact keys and file names. */
export const runId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'the id of a run');
const NARROW_KEY = 't\\d{1,4}-\\d{1,4}|f\\d{1,4}-[A-Za-z][\\w-]{0,63}|modulations';
export const jobKey = z
  .string()
  .regex(
    new RegExp(`^(\\d{1,4}-\\d{1,4}|${NARROW_KEY}|fine-tune)$`),
    'the key of a job, like 3-4, f8-image or fine-tune',
  );
/** What can be plugged in by itself. */
export const pluggedKey = z
  .string()
  .regex(new RegExp(`^(\\d{1,4}-\\d{1,4}|${NARROW_KEY})$`), 'the key of an edit, like 3-4, t8-10 or f8-image');
export const intervalKey = z.string().regex(/^\d{1,4}-\d{1,4}$/, 'the key of an interval, like 3-4');

const run = z.object({ id: runId });
const job = z.object({ id: runId, key: jobKey });
const block = z.int().min(0).max(MAX_BLOCK);
const interval = z
  .object({ first: block, last: block })
  .refine(({ first, last }) => first < last, 'two blocks or more, first to last');
/** Of an `int` column. A reconnecting EventSource gives the number back as text. */
const MAX_EVENT = 2 ** 31 - 1;
const eventInt = z.int().min(0).max(MAX_EVENT);
const eventNumber = z.union([
  eventInt,
  z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number)
    .pipe(eventInt),
]);

export const runs = router({
  list: procedure.query(({ ctx }) => ctx.backend.listRuns()),
  view: procedure.input(run).query(({ ctx, input }) => ctx.backend.viewRun(input.id)),
  /** A mutation by its method alone: a plan is too long for an address. */
  estimate: procedure.input(runRequest).mutation(({ ctx, input }) => ctx.backend.estimate(input)),
  /** The new run's id. */
  create: procedure.input(runRequest).mutation(({ ctx, input }) => ctx.backend.createRun(input)),
  pause: procedure.input(run).mutation(({ ctx, input }) => ctx.backend.pauseRun(input.id)),
  resume: procedure.input(run).mutation(({ ctx, input }) => ctx.backend.resumeRun(input.id)),
  cancel: procedure.input(run).mutation(({ ctx, input }) => ctx.backend.cancelRun(input.id)),
  remove: procedure.input(run).mutation(({ ctx, input }) => ctx.backend.deleteRun(input.id)),
  retry: procedure
    .input(job.extend({ afresh: z.boolean().default(false) }))
    .mutation(({ ctx, input }) => ctx.backend.retryJob(input.id, input.key, input.afresh)),
  addInterval: procedure
    .input(run.extend({ interval }))
    .mutation(({ ctx, input }) => ctx.backend.addInterval(input.id, input.interval)),
  trySubset: procedure
    .input(run.extend({ plugged: z.array(pluggedKey).max(3 * MAX_BLOCK), fineTuned: z.boolean().default(false) }))
    .mutation(({ ctx, input }) => ctx.backend.trySubset(input.id, input.plugged, input.fineTuned)),
  curve: procedure.input(job).query(({ ctx, input }) => ctx.backend.curve(input.id, input.key)),
  /** Stored events above `lastEventId` (a view's, so that nothing is missed), then each as it happens. */
  follow: procedure.input(run.extend({ lastEventId: eventNumber.default(0) })).subscription(async function* ({
    ctx,
    input,
    signal,
  }) {
    const ended = signal ?? new AbortController().signal;
    for await (const { id, event } of ctx.backend.follow(input.id, input.lastEventId, ended)) {
      yield tracked(String(id), event);
    }
  }),
  /** The same of several runs, in one stream. */
  followSeveral: procedure
    .input(
      z.object({
        runs: z
          .array(z.object({ id: runId, lastEventId: eventNumber }))
          .min(1)
          .max(MOST_FOLLOWED),
      }),
    )
    .subscription(({ ctx, input, signal }) =>
      followRuns(ctx.backend, input.runs, signal ?? new AbortController().signal),
    ),
});
