'use client';
/**
 * Notices, newest last. They cover no control that they are about: below 1280 px they stand in the page under the header
 * and push its content down; from there on the dashboard shows them over the foot of its charts, whose controls are above.
 */
import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { Button, IconButton } from '@/components/ui/button';
import { CheckIcon, CloseIcon, InfoIcon, WarningIcon } from '@/components/ui/icons';
import { dismissNotice, type Notice, noticeStore, type Tone } from '@/lib/page/browser/notices.ts';

/** In the page, or over the dashboard's middle column where there are three. */
const OVER_CHARTS =
  'xl:pointer-events-none xl:fixed xl:top-auto xl:right-[320px] xl:bottom-4 xl:left-[248px] xl:max-h-[calc(100dvh-120px)] xl:bg-transparent xl:py-0 2xl:right-[376px] 2xl:left-[272px]';

export function Notices({ overCharts = false }: { overCharts?: boolean }) {
  const notices = useStore(noticeStore, (state) => state.notices);
  return (
    <section
      aria-label="Notices"
      className={`sticky top-12 z-20 flex max-h-[45dvh] flex-col items-center gap-2 overflow-y-auto bg-bg px-4 ${notices.length > 0 ? 'py-2' : ''} ${overCharts ? OVER_CHARTS : ''}`}
    >
      {notices.map((notice) => (
        <NoticeCard key={notice.id} notice={notice} />
      ))}
    </section>
  );
}

const LOOKS: Readonly<
  Record<Tone, { readonly border: string; readonly mark: string; readonly Icon: () => ReactNode }>
> = {
  error: { border: 'border-danger', mark: 'text-danger', Icon: WarningIcon },
  warning: { border: 'border-line-strong', mark: 'text-ink', Icon: WarningIcon },
  info: { border: 'border-line', mark: 'text-muted', Icon: InfoIcon },
  done: { border: 'border-line', mark: 'text-muted', Icon: CheckIcon },
};

function NoticeCard({ notice }: { notice: Notice }) {
  const { id, tone, title, code, details, action } = notice;
  const { border, mark, Icon } = LOOKS[tone];
  const facts = [
    ['File', details.file],
    ['Tensor', details.tensor],
    ['Found', details.found],
    ['Expected', details.expected],
  ] as const;
  return (
    <div
      role={tone === 'error' ? 'alert' : 'status'}
      data-code={code}
      data-tone={tone}
      className={`pointer-events-auto w-full max-w-[440px] max-h-[min(50vh,320px)] shrink-0 overflow-y-auto rounded-lg border bg-panel p-3 shadow-(--shadow) ${border}`}
    >
      <div className="flex items-start gap-2">
        <span className={`mt-0.5 ${mark}`}>
          <Icon />
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
