/** What a finished job took, kept for the estimates of later runs on the same machine (runs/estimate.ts). */
import type { EngineReport } from '../../core/tensor/engine.ts';
import type { TakenJob } from '../runs/take.ts';
import type { AttemptTools } from './attempt-tools.ts';

/** Median of the steps that this attempt made; nothing where there were none. */
export async function notePace(
  { attempt, job, run }: TakenJob,
  { context, host, slots }: Pick<AttemptTools, 'context' | 'host' | 'slots'>,
  { name, device }: EngineReport,
): Promise<void> {
  if (job.kind !== 'student') return;
  const { batch, accumulation } = run.settings.distil;
  await context.db.change(
    `insert into contigua.paces (host, engine, device, fingerprint, batch, slots, step_ms)
     select $1, $2, $3, $4, $5, $6, percentile_cont(0.5) within group (order by duration_ms)
     from contigua.points where job_id = $7 and attempt = $8 having count(*) > 0`,
    [host, name, device, run.model.fingerprint, batch * accumulation, slots, attempt.jobId, attempt.number],
  );
}
