/** The state of the page as a link on the clipboard. */
import { presentLink } from './address.ts';
import { showError, showPassing } from './notices.ts';
import { copyText } from './save-file.ts';

export async function copyLink(): Promise<void> {
  try {
    await copyText(presentLink());
    showPassing('copy', 'done', 'Link copied', { hint: 'It restores the choice and every setting on this model.' });
  } catch (thrown) {
    showError('copy', thrown);
  }
}
