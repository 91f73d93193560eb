'use client';
/** The three buttons of the page: `primary` for the one next step, `plain` for the rest, `ghost` inside dense rows. */
import type { ButtonHTMLAttributes, ReactNode } from 'react';

type Look = 'primary' | 'plain' | 'ghost';

const LOOKS: Record<Look, string> = {
  primary: 'bg-ink text-bg font-medium border border-ink hover:opacity-90',
  plain: 'border border-line bg-panel hover:bg-panel-2',
  ghost: 'border border-transparent text-muted hover:bg-panel-2 hover:text-ink',
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  /** For rows of tools and dense tables. */
  small?: boolean;
  children: ReactNode;
}

export function Button({ look = 'plain', small = false, className = '', type = 'button', ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={`inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md whitespace-nowrap transition-colors disabled:pointer-events-none disabled:opacity-45 ${LOOKS[look]} ${small ? 'h-7 px-2 text-xs' : 'h-8 px-3'} ${className}`}
      {...rest}
    />
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** Accessible name, also the tooltip. */
  name: string;
  children: ReactNode;
}

export function IconButton({ name, className = '', children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      className={`inline-flex size-7 shrink-0 items-center justify-center rounded-md text-muted transition-colors hover:bg-panel-2 hover:text-ink disabled:pointer-events-none disabled:opacity-35 ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}
