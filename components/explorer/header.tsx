'use client';
/** What is open, on which engine, and the few things that concern the whole page. */
import { Button, IconButton } from '@/components/ui/button';
import { LinkIcon, RedoIcon, UndoIcon } from '@/components/ui/icons';
import { Logo } from '@/components/ui/logo';
import { canRedo, canUndo } from '@/lib/core/edit/index.ts';
import { countWords } from '@/lib/page/browser/number-words.ts';
import { choose } from '@/lib/page/explorer/selection.ts';
import { copyLink } from '@/lib/page/explorer/share.ts';
import { PageLink } from '../frame/page-link';
import { ThemeButton } from '../frame/theme-button';
import { EnginePanel } from './engine-panel';
import { useModel, useSelection } from './use-model';

export function Header() {
  const summary = useModel((state) => state.summary);
  const selection = useSelection((state) => state.selection);
  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-1.5 border-b border-line bg-panel px-3 sm:gap-3 sm:px-4">
      <h1 className="flex items-center gap-2 text-base font-semibold tracking-tight">
        <Logo />
      </h1>
      <nav aria-label="Pages" className="flex items-center gap-1 text-xs">
        <PageLink href="/" here>
          Analyse
        </PageLink>
        <PageLink href="/runs">Runs</PageLink>
      </nav>
      <p className="hidden min-w-0 truncate text-xs text-muted lg:block">
        {summary
          ? `${summary.name} · ${summary.numBlocks} blocks · ${countWords(summary.parameters)} · ${summary.dtypes.join(', ')}`
          : ''}
      </p>
      <div className="ml-auto flex min-w-0 items-center gap-1">
        <EnginePanel />
        <span aria-hidden className="mx-1 hidden h-4 w-px bg-line sm:block" />
        <IconButton
          name="Undo"
          aria-keyshortcuts="Control+Z"
          disabled={!canUndo(selection)}
          onClick={() => choose({ type: 'undo' })}
        >
          <UndoIcon />
        </IconButton>
        <IconButton
          name="Redo"
          aria-keyshortcuts="Control+Shift+Z"
          disabled={!canRedo(selection)}
          onClick={() => choose({ type: 'redo' })}
        >
          <RedoIcon />
        </IconButton>
        <ThemeButton />
        <Button
          small
          className="sm:ml-1"
          aria-label="Copy link"
          title="Copy link"
          disabled={!summary}
          onClick={() => void copyLink()}
        >
          <LinkIcon />
          <span className="hidden sm:inline">Copy link</span>
        </Button>
      </div>
    </header>
  );
}
