/** Hands files and text to the user: as a download or on the clipboard. */
import { ContiguaError } from '@/lib/core/errors.ts';

export function saveText(name: string, text: string, type: string): void {
  saveBlob(name, new Blob([text], { type }));
}

export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own reference by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch (thrown) {
    throw new ContiguaError('internal', 'The browser did not let the page write to the clipboard', {
      found: thrown instanceof Error ? thrown.message : String(thrown),
      hint: `Copy it by hand: ${text}`,
    });
  }
}
