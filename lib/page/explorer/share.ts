/** The state of the page as a link on the clipboard. */

import { showError, showPassing } from '../browser/notices.ts';
import { copyText } from '../browser/save-file.ts';
import { presentLink } from './address.ts';

export async function copyLink(): Promise<void> {
  try {
    await copyText(presentLink());
    showPassing('copy', 'done', 'Link copied', { hint: 'It restores the choice and every setting on this model.' });
  } catch (thrown) {
    showError('copy', thrown);
  }
}
