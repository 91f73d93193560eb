'use client';
/** The bar over the pages about runs: where one is, how the server is, the theme. */
import type { ReactNode } from 'react';
import { Logo } from '@/components/ui/logo';
import { PageLink } from './page-link';
import { RunServer } from './server-state';
import { ThemeButton } from './theme-button';

export function RunBar({ here, children }: { here: 'list' | 'run'; children?: ReactNode }) {
  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b border-line bg-panel px-3 sm:gap-3 sm:px-4">
      <p className="flex items-center gap-2 text-base font-semibold tracking-tight">
        <Logo />
      </p>
      <nav aria-label="Pages" className="flex items-center gap-1 text-xs">
        <PageLink href="/">Analyse</PageLink>
        <PageLink href="/runs" here={here === 'list'}>
          Runs
        </PageLink>
      </nav>
      <div className="min-w-0 truncate text-xs text-muted">{children}</div>
      <div className="ml-auto flex shrink-0 items-center gap-1">
        <RunServer />
        <span aria-hidden className="mx-1 hidden h-4 w-px bg-line sm:block" />
        <ThemeButton />
      </div>
    </header>
  );
}
