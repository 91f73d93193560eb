'use client';
/** Notices, newest last, over the lower left corner: they move nothing, and cover only settings until they are dismissed. */
import { useStore } from 'zustand';
import { Button, IconButton } from '@/components/ui/button';
import { CheckIcon, CloseIcon, WarningIcon } from '@/components/ui/icons';
import { dismissNotice, type Notice, noticeStore } from '@/lib/client/notices.ts';

export function Notices() {
  const notices = useStore(noticeStore, (state) => state.notices);
  return (
    <section
      aria-label="Notices"
      className="pointer-events-none fixed bottom-4 left-4 z-40 flex max-h-[calc(100vh-32px)] w-[min(440px,calc(100vw-32px))] flex-col gap-2"
    >
      {notices.map((notice) => (
        <NoticeCard key={notice.id} notice={notice} />
      ))}
    </section>
  );
}

function NoticeCard({ notice }: { notice: Notice }) {
  const { id, tone, title, code, details, action } = notice;
  const isError = tone === 'error';
  const facts = [
    ['File', details.file],
    ['Tensor', details.tensor],
    ['Found', details.found],
    ['Expected', details.expected],
  ] as const;
  return (
    <div
      role={isError ? 'alert' : 'status'}
      data-code={code}
      className={`pointer-events-auto max-h-[min(50vh,320px)] overflow-y-auto rounded-lg border bg-panel p-3 shadow-(--shadow) ${isError ? 'border-danger' : 'border-line'}`}
    >
      <div className="flex items-start gap-2">
        <span className={`mt-0.5 ${isError ? 'text-danger' : 'text-muted'}`}>
          {isError ? <WarningIcon /> : <CheckIcon />}
        </span>
        <p className="min-w-0 flex-1 font-medium wrap-anywhere">{title}</p>
        <IconButton name="Dismiss" className="-mt-1 -mr-1" onClick={() => dismissNotice(id)}>
          <CloseIcon />
        </IconButton>
      </div>
      {facts.some(([, value]) => value !== undefined) ? (
        <dl className="mt-2 ml-6 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-0.5 text-xs">
          {facts.map(([name, value]) =>
            value === undefined ? null : (
              <div key={name} className="contents">
                <dt className="text-muted">{name}</dt>
                <dd className="wrap-anywhere">{value}</dd>
              </div>
            ),
          )}
        </dl>
      ) : null}
      {details.hint ? <p className="mt-2 ml-6 text-xs wrap-anywhere text-muted">{details.hint}</p> : null}
      {action ? (
        <Button
          small
          className="mt-2 ml-6"
          onClick={() => {
            dismissNotice(id);
            action.run();
          }}
        >
          {action.label}
        </Button>
      ) : null}
    </div>
  );
}
