/**
 * What the page has to say: errors with their file, tensor, found and expected, warnings, and short confirmations. Every
 * notice is about a subject. Errors and warnings stay until they are dismissed or their subject is settled: tried again,
 * or well again. Confirmations go by themselves.
 */
import { createStore } from 'zustand/vanilla';
import { asContiguaError, type ErrorCode, type ErrorDetails } from '@/lib/core/errors.ts';

/** What a notice is about; `settle` takes it away once that is no longer so. */
export type Subject =
  | 'engine'
  | 'silence'
  | 'model'
  | 'link'
  | 'choice'
  | 'calibration'
  | 'analysis'
  | 'damage'
  | 'kept'
  | 'others'
  | 'timing'
  | 'preview'
  | 'plan'
  | 'figure'
  | 'copy'
  | 'server'
  | 'run';

/** `done`: something the user asked for has happened; `info`: something that the page did by itself. */
export type Tone = 'error' | 'warning' | 'info' | 'done';

export interface Notice {
  readonly id: number;
  readonly about: Subject;
  readonly tone: Tone;
  readonly title: string;
  readonly code?: ErrorCode;
  readonly details: ErrorDetails;
  readonly action?: { readonly label: string; run(): void };
}

export const noticeStore = createStore<{ readonly notices: readonly Notice[] }>(() => ({ notices: [] }));

const PASSING_MS = 6_000;
const MOST = 4;
let nextId = 1;

function show(notice: Omit<Notice, 'id'>): number {
  const id = nextId++;
  noticeStore.setState(({ notices }) => {
    // The same words again are one notice, not a stack, and keep the way out that was offered first.
    const same = notices.find(
      (other) => other.title === notice.title && JSON.stringify(other.details) === JSON.stringify(notice.details),
    );
    const others = notices.filter((other) => other !== same);
    return { notices: [...others, { ...notice, action: notice.action ?? same?.action, id }].slice(-MOST) };
  });
  return id;
}

/**
 * Shows anything thrown. A cancelled call is the user's own doing and says nothing. A server that does not answer and an
 * engine that was lost are subjects of their own, whatever was asked of them.
 */
export function showError(about: Subject, thrown: unknown, action?: Notice['action']): void {
  const error = asContiguaError(thrown);
  if (error.code === 'cancelled') return;
  const { summary: title, code, details } = error;
  if (code === 'engine-lost') {
    // Every call that was under way fails with it: one notice is enough, the one that offers a way out.
    const known = noticeStore.getState().notices.find((notice) => notice.code === code);
    if (known?.action && !action) return;
    settle('engine');
  }
  show({ about: OWN_SUBJECTS[code] ?? about, tone: 'error', title, code, details, action });
}

const OWN_SUBJECTS: Partial<Record<ErrorCode, Subject>> = { 'server-unreachable': 'server', 'engine-lost': 'engine' };

interface Words {
  readonly hint?: string;
  readonly found?: string;
  readonly expected?: string;
  readonly action?: Notice['action'];
}

/** Something that the user should know or do; stays until its subject is settled. */
export function showWarning(about: Subject, title: string, { action, ...details }: Words = {}): void {
  show({ about, tone: 'warning', title, details, action });
}

/** Something that is as it should be; goes after a few seconds. */
export function showPassing(about: Subject, tone: 'done' | 'info', title: string, { action, ...details }: Words = {}) {
  const id = show({ about, tone, title, details, action });
  setTimeout(() => dismissNotice(id), PASSING_MS);
}

export function dismissNotice(id: number): void {
  noticeStore.setState(({ notices }) => ({ notices: notices.filter((notice) => notice.id !== id) }));
}

/** What was said about these no longer holds: it is being tried again, or it works. */
export function settle(...subjects: readonly Subject[]): void {
  noticeStore.setState((state) => {
    const notices = state.notices.filter(({ about, tone }) => tone === 'done' || !subjects.includes(about));
    return notices.length === state.notices.length ? state : { notices };
  });
}
