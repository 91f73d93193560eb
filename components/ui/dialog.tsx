'use client';
/** A modal dialog: the platform's own, so that focus stays inside, Escape closes and the focus goes back afterwards. */
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { IconButton } from './button';
import { CloseIcon } from './icons';

interface DialogProps {
  title: string;
  /** One line under the title. */
  about?: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** The actions, always in reach at the foot. */
  foot: ReactNode;
  className?: string;
}

/** Open while it is rendered. */
export function Dialog({ title, about, onClose, children, foot, className = 'w-[560px]' }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // A layout effect: closed before it leaves the document, it gives the focus back.
  useLayoutEffect(() => {
    const node = dialog.current;
    if (!node) return;
    if (!node.open) node.showModal();
    return () => node.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className={`m-auto max-h-[calc(100dvh-32px)] max-w-[calc(100vw-32px)] overflow-hidden rounded-lg border border-line bg-panel p-0 text-sm text-ink shadow-(--shadow) backdrop:bg-black/40 open:flex open:flex-col ${className}`}
    >
      <header className="flex items-start gap-3 px-5 pt-4 pb-3">
        <div className="min-w-0 flex-1">
          <h2 id={id} className="text-base font-semibold">
            {title}
          </h2>
          {about ? <p className="text-xs text-muted">{about}</p> : null}
        </div>
        <IconButton name="Close" className="-mt-0.5 -mr-2" onClick={onClose}>
          <CloseIcon />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-4">{children}</div>
      <footer className="flex items-center justify-end gap-2 border-t border-line bg-panel px-5 py-3">{foot}</footer>
    </dialog>
  );
}
