/**
 * What the page has to say: errors with their file, tensor, found and expected, and short confirmations. A notice stays
 * until it is dismissed (errors) or its time is over (confirmations); it never replaces anything else on the page.
 */
import { createStore } from 'zustand/vanilla';
import { asContiguaError, type ErrorCode, type ErrorDetails } from '@/lib/core/errors.ts';

export interface Notice {
  readonly id: number;
  readonly tone: 'error' | 'info';
  readonly title: string;
  readonly code?: ErrorCode;
  readonly details: ErrorDetails;
  readonly action?: { readonly label: string; run(): void };
}

export const noticeStore = createStore<{ readonly notices: readonly Notice[] }>(() => ({ notices: [] }));

const INFO_MS = 6_000;
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

/** Shows anything thrown. A cancelled call is the user's own doing and says nothing. */
export function showError(thrown: unknown, action?: Notice['action']): void {
  const error = asContiguaError(thrown);
  if (error.code === 'cancelled') return;
  show({ tone: 'error', title: error.summary, code: error.code, details: error.details, action });
}

/** Returns the notice's id, to dismiss it by. */
export function showInfo(
  title: string,
  options: { hint?: string; action?: Notice['action']; stays?: boolean } = {},
): number {
  const id = show({ tone: 'info', title, details: { hint: options.hint }, action: options.action });
  if (!options.stays) setTimeout(() => dismissNotice(id), INFO_MS);
  return id;
}

export function dismissNotice(id: number): void {
  noticeStore.setState(({ notices }) => ({ notices: notices.filter((notice) => notice.id !== id) }));
}

/** Errors about something that is now being tried again. */
export function dismissErrors(...codes: readonly ErrorCode[]): void {
  noticeStore.setState(({ notices }) => ({
    notices: notices.filter(({ code }) => code === undefined || !codes.includes(code)),
  }));
}
