/**
 * What has to hold of a run that was disturbed, compared with the same run left in peace. Plain assertions, as it is asked
 * by tests and by `npm run proof`.
 */
import assert from 'node:assert/strict';
import type { RunView } from '../../core/run/index.ts';
import type { NumberedEvent } from '../backend.ts';
import { createBackend } from '../create-backend.ts';
import type { RemoteBackend } from './host-process.ts';
import { checksums, isDone, type LoggedStep, type Setting, until } from './setting.ts';

/** Checksums of the trained files of an undisturbed run of the same request. */
export async function trainUndisturbed(
  setting: Setting,
  request: ReturnType<Setting['request']>,
): Promise<Record<string, string>> {
  const backend = await createBackend(setting.env, setting.options);
  try {
    return await checksums(backend, await until(backend, await backend.createRun(request), isDone));
  } finally {
    await backend.close();
  }
}

export interface Disturbed {
  readonly backend: Pick<RemoteBackend, 'viewRun' | 'openTrained' | 'curve'>;
  readonly view: RunView;
  /** As they were told while it was disturbed, by one process after the other. */
  readonly told: readonly NumberedEvent[];
  /** As they are stored now. */
  readonly stored: readonly NumberedEvent[];
  readonly log: readonly LoggedStep[];
}

export async function expectUndisturbed(
  { backend, view, told, stored, log }: Disturbed,
  reference: Record<string, string>,
): Promise<void> {
  // The weights are those of the run that was left in peace, to the bit.
  assert.deepEqual(await checksums(backend, view), reference);
  // Nothing that was told is lost or changed, and the numbers have no gap.
  assert.deepEqual(
    stored.map(({ id }) => id),
    stored.map((_, i) => i + 1),
  );
  assert.deepEqual(told, stored);
  const checkpoints = new Map<string, number>();
  const begins = new Map<string, number[]>();
  const ends: string[] = [];
  for (const { event } of stored) {
    if (event.type !== 'job') continue;
    const { key, state, checkpointStep, attempt } = event.job;
    if (state === 'done') ends.push(key);
    else if (state === 'running') {
      // An acknowledged checkpoint is never taken back.
      assert.ok(
        checkpointStep >= (checkpoints.get(key) ?? 0),
        `${key}, attempt ${attempt} went back to ${checkpointStep}`,
      );
      checkpoints.set(key, checkpointStep);
      const starts = begins.get(key) ?? [];
      starts[attempt] ??= checkpointStep;
      begins.set(key, starts);
    }
  }
  // Each ended exactly once.
  assert.deepEqual(ends.toSorted(), view.jobs.map(({ key }) => key).toSorted());
  for (const { key, steps, attempt } of view.jobs) {
    // Each attempt began at the newest acknowledged checkpoint, so no more than the work since then was repeated.
    const own = log.filter((line) => line.key === key);
    const allowed = begins.get(key) ?? [];
    assert.equal(allowed.length, attempt + 1, key);
    let at = -1;
    for (const line of own) {
      if (line.begins) assert.ok(allowed.includes(line.step), `${key} began at ${line.step}, not one of ${allowed}`);
      else assert.equal(line.step, at + 1, `${key} goes on step by step`);
      at = line.step;
    }
    // Every step of the curve, once.
    const points = await backend.curve(view.id, key);
    assert.deepEqual(
      points.map(({ step }) => step),
      Array.from({ length: steps }, (_, i) => i + 1),
    );
  }
}

/** Steps made more than once. */
export function repeatedSteps(log: readonly LoggedStep[]): number {
  const made = log.filter(({ begins }) => !begins).map(({ key, step }) => `${key} ${step}`);
  return made.length - new Set(made).size;
}
