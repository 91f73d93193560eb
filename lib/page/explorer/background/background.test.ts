import { describe, expect, it } from 'vitest';
import { scoreCorrelations } from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { directPort } from '@/lib/testing/direct-background.ts';
import type { PlanSubject } from '../plan-subject.ts';
import { DEFAULT_PLANNER } from '../planner.ts';
import { damageOf } from '../report-fixtures.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { createBackground } from './client.ts';
import type { BackgroundRequest } from './protocol.ts';
import { createBackgroundTasks } from './tasks.ts';

const report = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const subjectWith = (locked: readonly number[] = []): PlanSubject => ({
  model: exampleModel(8),
  report,
  read: DEFAULT_SETTINGS,
  asked: { ...DEFAULT_PLANNER, offers: [], locked },
});

/** A line to the real tasks, and what went over it. */
function watched() {
  const sent: BackgroundRequest[] = [];
  const crashes: ((reason: string) => void)[] = [];
  const background = createBackground(() => {
    const port = directPort();
    return {
      ...port,
      postMessage(request) {
        sent.push(request as BackgroundRequest);
        port.postMessage(request);
      },
      onCrash: (listener) => crashes.push(listener),
    };
  });
  const subjects = () => sent.map(({ input }) => (input as { subject: PlanSubject | null }).subject !== null);
  /** Of each report that was sent. */
  const heldParts = () =>
    sent.map(({ input }) => {
      const { subject, report } = input as { subject?: { report: { held: unknown } }; report?: { held: unknown } };
      return (subject?.report ?? report)?.held != null;
    });
  return { background, subjects, heldParts, crash: () => crashes.pop()?.('out of memory') };
}

describe('the background worker', () => {
  it('reads a report, and says what is wrong with one as the parser does', async () => {
    const { background } = watched();
    expect(await background.readReport(JSON.stringify(report), 'report.json')).toEqual(report);
    await expect(background.readReport('{"version":3}', 'report.json')).rejects.toMatchObject({
      code: 'inputs-invalid',
      details: { file: 'report.json' },
    });
  });

  it('leaves how long each task took where a profiler finds it, and no endless list', async () => {
    performance.clearMeasures();
    const { background } = watched();
    const subject = subjectWith();
    for (let asked = 0; asked < 120; asked++) await background.plan(subject, `${60 + (asked % 30)}%`);
    const entries = performance.getEntriesByName('background plan');
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThanOrEqual(100);
    expect(entries.at(-1)?.duration).toBeGreaterThan(0);
  });

  it('is sent a subject once for all budgets', async () => {
    const { background, subjects } = watched();
    const subject = subjectWith();
    const more = await background.plan(subject, '70%');
    const less = await background.plan(subject, '50%');
    expect(more?.front).toEqual(less?.front);
    expect(less?.best?.cost).toBeLessThan(more?.best?.cost ?? 0);
    await background.plan(subjectWith([3]), '50%');
    expect(subjects()).toEqual([true, false, true]);
  });

  it('is sent what no measurement changes of a report once, for plans and correlations', async () => {
    const { background, heldParts, crash } = watched();
    const measured = damageOf(runEdit({ first: 2, last: 3 }, 'nothing'), 0.1);
    const more = { ...report, damage: [...report.damage, measured] };
    const subject = subjectWith();
    const answer = await background.plan({ ...subject, report: more }, '50%');
    const settings = DEFAULT_SETTINGS.detection;
    const expected = scoreCorrelations(more, settings).map(({ score: { name }, correlation }) => ({
      name,
      correlation,
    }));
    expect(await background.correlations(more, settings)).toEqual(expected);
    expect((await background.plan({ ...subject, report: more, asked: { ...subject.asked } }, '50%'))?.best).toEqual(
      answer?.best,
    );
    await background.correlations({ ...more, streams: { ...more.streams } }, settings);
    crash();
    expect(await background.correlations(more, settings)).toEqual(expected);
    expect(heldParts()).toEqual([true, false, false, true, true]);
  });

  it('is sent them once for keeping and planning too', async () => {
    const { background, heldParts } = watched();
    // There is no store to keep it in here.
    await background.keep('shapes-16-4-1', report, 0).catch(() => {});
    expect(await background.plan(subjectWith(), '50%')).not.toBeNull();
    await background.keep('shapes-16-4-1', { ...report, damage: [] }, 1).catch(() => {});
    expect(heldParts()).toEqual([true, false, false]);
  });

  it('solves the newest of those that wait, and one at a time', async () => {
    const { background, subjects } = watched();
    const subject = subjectWith();
    const [first, second, third] = await Promise.all(
      ['90%', '80%', '70%'].map((value) => background.plan(subject, value)),
    );
    expect(first?.budget?.limit).toEqual({ share: 0.9 });
    expect(second).toBeNull();
    expect(third?.budget?.limit).toEqual({ share: 0.7 });
    expect(subjects()).toHaveLength(2);
  });

  it('fails what was asked when it crashes, and starts anew with the subject', async () => {
    const { background, subjects, crash } = watched();
    const subject = subjectWith();
    const first = background.plan(subject, '90%');
    const waiting = background.plan(subject, '60%');
    crash();
    await expect(first).rejects.toThrow(/The background worker of the page ended; found out of memory/);
    expect((await waiting)?.best).not.toBeNull();
    expect(subjects()).toEqual([true, true]);
  });

  it('has no plan without a subject', () => {
    expect(() => createBackgroundTasks().plan({ subject: null, value: '50%' })).toThrow(/no earlier subject/);
  });
});
