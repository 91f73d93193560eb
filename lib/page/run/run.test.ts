/** The store of one run against a server in memory: read, followed, lost and found again. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { RunEvent, RunView, StepPoint } from '@/lib/core/run/index.ts';
import type { RunApi, RunFollower } from '../api/run-api.ts';
import { openRun } from './run.ts';
import { jobView, runView } from './run-fixtures.ts';

const point = (step: number): StepPoint => ({
  step,
  losses: { image: 1, text: 1 },
  gradientNorm: 1,
  learningRate: 1,
  durationMs: 1,
});
const unreachable = () => new ContiguaError('server-unreachable', 'The server does not answer');

/** Answers what it is told to and hands out the follower, so that a test plays the server. */
function fakeServer(view: () => RunView) {
  const followers: RunFollower[] = [];
  const asked: string[] = [];
  let stopped = 0;
  const refuse = () => Promise.reject(new Error('not asked for in this test'));
  const api: RunApi = {
    status: refuse,
    models: refuse,
    places: refuse,
    estimate: refuse,
    create: refuse,
    list: refuse,
    view: async () => view(),
    curve: async (_, key) => {
      asked.push(`curve ${key}`);
      return [point(1), point(2)];
    },
    pause: async (id) => void asked.push(`pause ${id}`),
    resume: refuse,
    cancel: refuse,
    remove: refuse,
    retry: refuse,
    addInterval: refuse,
    trySubset: refuse,
    follow: (_, after, follower) => {
      asked.push(`follow ${after}`);
      followers.push(follower);
      return () => {
        stopped++;
      };
    },
  };
  return { connect: async () => api, followers, asked, stopped: () => stopped };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an open run', () => {
  const view = () => runView({ state: 'running', jobs: [jobView('3-4', { state: 'running' })], lastEventId: 7 });
  const steps = (...numbers: number[]): RunEvent => ({ type: 'steps', key: '3-4', points: numbers.map(point) });

  it('is read, followed from its last event on, and shows steps together', async () => {
    const server = fakeServer(view);
    const open = openRun('r1', server.connect);
    const stop = open.follow();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.asked).toEqual(['follow 7', 'curve 3-4']);
    server.followers[0]?.onEvent(8, steps(3));
    server.followers[0]?.onEvent(9, steps(4));
    await vi.advanceTimersByTimeAsync(1_000);
    const { run } = open.store.getState();
    expect(run?.curves['3-4']?.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(run?.view.lastEventId).toBe(9);
    stop();
    expect(server.stopped()).toBe(1);
  });

  it('says since when the server is silent and forgets it once events flow again', async () => {
    vi.setSystemTime(50_000);
    const server = fakeServer(view);
    const open = openRun('r1', server.connect);
    const stop = open.follow();
    await vi.advanceTimersByTimeAsync(0);
    server.followers[0]?.onLost();
    vi.setSystemTime(60_000);
    server.followers[0]?.onLost();
    expect(open.store.getState().lostSinceMs).toBe(50_000);
    expect(open.store.getState().run).not.toBeNull();
    server.followers[0]?.onLive();
    expect(open.store.getState().lostSinceMs).toBeNull();
    stop();
  });

  it('asks again while nobody answers, and keeps what it had', async () => {
    let up = false;
    const server = fakeServer(() => {
      if (!up) throw unreachable();
      return view();
    });
    const open = openRun('r1', server.connect);
    const stop = open.follow();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(open.store.getState()).toMatchObject({ run: null, refused: null });
    expect(open.store.getState().lostSinceMs).not.toBeNull();
    up = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(open.store.getState().run?.view.id).toBe('1');
    expect(open.store.getState().lostSinceMs).toBeNull();
    stop();
  });

  it('gives up where there is no such run', async () => {
    const server = fakeServer(() => {
      throw new ContiguaError('run-missing', 'There is no such run');
    });
    const open = openRun('r1', server.connect);
    open.follow();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open.store.getState().refused?.code).toBe('run-missing');
    expect(server.asked).toEqual([]);
  });

  it('says whether what was asked for was done', async () => {
    const server = fakeServer(view);
    const open = openRun('r1', server.connect);
    expect(await open.ask((api) => api.pause('r1'))).toBe(true);
    expect(await open.ask((api) => api.resume('r1'))).toBe(false);
    expect(open.store.getState().asking).toBe(false);
  });
});
