/**
 * Which edits follow from which. Students are trained on the teacher's own states and rest on nothing. Linear maps are fitted on the
 * states of the model as it is edited up to their place, and inside a run on those of its student; shared modulations on the model
 * with every other edit in place. What rests on an edit is trained after it, and again when that one is trained again.
 */
import { type Edit, sameEdit } from './edit.ts';

/** Whether what is fitted for `edit` depends on what `other` puts in place. Both are of one valid set. */
export function restsOn(edit: Edit, other: Edit): boolean {
  if (edit.on === 'run' || sameEdit(edit, other)) return false;
  if (edit.on === 'modulation') return other.on !== 'modulation';
  const last = edit.on === 'ffn' ? edit.block : edit.last;
  switch (other.on) {
    case 'run':
      return other.first <= last;
    case 'ffn':
      // The first block of a group runs whole, and its feed-forward layers come before what the group projects from.
      return edit.on === 'ffn' ? other.block < edit.block : other.block <= edit.first;
    case 'text-stream':
      return other.first < (edit.on === 'ffn' ? edit.block : edit.first);
    case 'modulation':
      return false;
    default:
      return other satisfies never;
  }
}
