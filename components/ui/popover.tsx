'use client';
/**
 * A panel that opens under its button: the platform's `popover` (top layer, closes on Escape and on a click outside),
 * placed by hand so that it stays on screen in browsers without anchor positioning.
 */
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';

const MARGIN_PX = 8;

interface PopoverProps {
  /** Accessible name of the button; the visible label may be shorter. */
  name: string;
  label: ReactNode;
  children: ReactNode;
  buttonClass?: string;
  panelClass?: string;
  disabled?: boolean;
  /** Accessible name of the panel. */
  title?: string;
}

export function Popover({ name, label, children, buttonClass, panelClass = 'w-80', disabled, title }: PopoverProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  const place = () => {
    if (!button.current || !panel.current) return;
    const anchor = button.current.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = panel.current;
    const left = Math.min(
      Math.max(anchor.left, MARGIN_PX),
      document.documentElement.clientWidth - offsetWidth - MARGIN_PX,
    );
    const below = anchor.bottom + 4;
    const fits = below + offsetHeight + MARGIN_PX <= window.innerHeight;
    const top = fits ? below : Math.max(MARGIN_PX, anchor.top - offsetHeight - 4);
    panel.current.style.left = `${Math.max(MARGIN_PX, left)}px`;
    panel.current.style.top = `${top}px`;
  };
  // Content may be loaded when it is first shown, and grow the panel.
  // biome-ignore lint/correctness/useExhaustiveDependencies: place reads the elements as they are then
  useEffect(() => {
    if (!open || !panel.current) return;
    const sizes = new ResizeObserver(place);
    sizes.observe(panel.current);
    return () => sizes.disconnect();
  }, [open]);

  return (
    <>
      <button
        ref={button}
        type="button"
        aria-label={name}
        aria-expanded={open}
        aria-haspopup="dialog"
        popoverTarget={id}
        disabled={disabled}
        className={buttonClass}
      >
        {label}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        role="dialog"
        aria-label={title ?? name}
        // Its content is there before it shows, so that it is placed by its real size, unseen until it is; and it stays
        // until it is hidden, so that the focus inside goes back to the button.
        onBeforeToggle={(event) => {
          if (event.newState !== 'open' || !panel.current) return;
          panel.current.style.visibility = 'hidden';
          setOpen(true);
        }}
        onToggle={(event) => {
          if (event.newState !== 'open') return setOpen(false);
          place();
          if (panel.current) panel.current.style.visibility = '';
        }}
        className={`fixed m-0 max-h-[80dvh] max-w-[calc(100vw-16px)] overflow-y-auto rounded-lg border border-line bg-panel p-4 text-sm text-ink shadow-(--shadow) ${panelClass}`}
      >
        {open ? children : null}
      </div>
    </>
  );
}
