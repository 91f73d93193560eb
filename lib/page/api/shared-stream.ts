/**
 * A tab's end of the stream that all tabs share (stream-hub.ts): each follower gets every event after its first number
 * once and in order, whatever is sent twice. The tab repeats what it follows, which also tells it when the hub is gone;
 * then it connects anew and goes on from the last event that each follower has.
 */
import { ContiguaError } from '@/lib/core/errors.ts';
import type { RunApi, RunFollower } from './run-api.ts';
import type { FromHub, ToHub, Wish } from './stream-hub.ts';

export interface HubPort {
  post(message: ToHub): void;
  close(): void;
}
/** `attempt` counts the connections before this one. */
export type ConnectHub = (onMessage: (message: FromHub) => void, attempt: number) => HubPort;

export const REPEAT_EVERY_MS = 20_000;
/** Repeats without any answer after which the hub is taken for dead. Counted, not timed: a laptop may have slept. */
export const MOST_UNANSWERED = 3;

interface Following {
  readonly run: string;
  last: number;
  readonly follower: RunFollower;
}

export interface SharedStream {
  readonly follow: RunApi['follow'];
  /** While paused (the page goes away, or is hidden and has a stream of its own), the tab follows nothing. */
  pause(): void;
  resume(): void;
}

export function createSharedStream(connect: ConnectHub): SharedStream {
  const followings = new Map<number, Following>();
  let nextKey = 0;
  let port: HubPort | null = null;
  let attempt = 0;
  let unanswered = 0;
  let paused = false;
  let timer: ReturnType<typeof setInterval> | undefined;

  function say(): void {
    if (!port) {
      if (followings.size === 0 || paused) return;
      const number = attempt++;
      port = connect((message) => {
        // A port that was given up may still deliver.
        if (number === attempt - 1) receive(message);
      }, number);
    }
    const wishes: Wish[] = paused ? [] : [...followings].map(([key, { run, last }]) => ({ key, run, after: last }));
    port.post({ type: 'follow', wishes });
    if (wishes.length > 0) timer ??= setInterval(repeat, REPEAT_EVERY_MS);
    else {
      clearInterval(timer);
      timer = undefined;
      unanswered = 0;
    }
  }

  function repeat(): void {
    if (unanswered >= MOST_UNANSWERED) {
      unanswered = 0;
      port?.close();
      port = null;
      for (const { follower } of [...followings.values()]) follower.onLost();
    }
    unanswered++;
    say();
  }

  function receive(message: FromHub): void {
    unanswered = 0;
    switch (message.type) {
      case 'heard':
        return;
      case 'live':
        for (const { follower } of [...followings.values()]) follower.onLive();
        return;
      case 'lost':
        for (const { follower } of [...followings.values()]) follower.onLost();
        return;
      case 'event':
        for (const following of [...followings.values()]) {
          if (following.run !== message.run || message.id <= following.last) continue;
          following.last = message.id;
          following.follower.onEvent(message.id, message.event);
        }
        return;
      case 'refused': {
        const { code, summary, details } = message.error;
        for (const [key, { run, follower }] of [...followings]) {
          if (run !== message.run) continue;
          followings.delete(key);
          follower.onRefused(new ContiguaError(code, summary, details));
        }
        return;
      }
      default:
        message satisfies never;
    }
  }

  return {
    follow(run, after, follower) {
      const key = nextKey++;
      followings.set(key, { run, last: after, follower });
      say();
      return () => {
        if (followings.delete(key)) say();
      };
    },
    pause() {
      if (paused) return;
      paused = true;
      if (port) say();
    },
    resume() {
      if (!paused) return;
      paused = false;
      if (followings.size > 0) say();
    },
  };
}
