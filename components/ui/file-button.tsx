'use client';
/** A button that asks for a file, or for a folder, of the user's machine. The same one can be chosen twice in a row. */
import { type ReactNode, useEffect, useRef } from 'react';
import { Button } from './button';

interface FileButtonProps {
  /** Accessible name of the hidden input: what is asked for. */
  name: string;
  testId: string;
  /** As the input's attribute, such as ".json". */
  accept?: string;
  /** Asks for a folder; its files come with their paths in it. */
  folder?: boolean;
  /** One file, or those of the folder; not called when the user chooses nothing. */
  onPick: (files: readonly [File, ...File[]]) => void;
  disabled?: boolean;
  small?: boolean;
  className?: string;
  title?: string;
  children: ReactNode;
}

export function FileButton({ name, testId, accept, folder = false, onPick, ...button }: FileButtonProps) {
  const picker = useRef<HTMLInputElement>(null);
  // React knows no type for this attribute.
  useEffect(() => {
    if (folder) picker.current?.setAttribute('webkitdirectory', '');
  }, [folder]);
  return (
    <>
      <input
        ref={picker}
        type="file"
        multiple={folder}
        accept={accept}
        hidden
        aria-label={name}
        data-testid={testId}
        onChange={(event) => {
          const [first, ...rest] = event.target.files ?? [];
          // Empties the list as well, and lets the same file be a change again.
          event.target.value = '';
          if (first) onPick([first, ...rest]);
        }}
      />
      <Button {...button} onClick={() => picker.current?.click()} />
    </>
  );
}
