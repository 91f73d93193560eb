/** Addresses of what a run gives to take away. */
import type { Subset } from './plugged.ts';
import { pluggedKey } from './run-events.ts';

export const fileAddress = (run: string, name: string): string =>
  `/api/files/runs/${encodeURIComponent(run)}/${encodeURIComponent(name)}`;

/** The student model with these students in it; with none it is the teacher. */
export function modelAddress(run: string, { plugged, fineTuned }: Subset): string {
  const query = new URLSearchParams(fineTuned ? { fineTuned: '1' } : { plugged: pluggedKey(plugged) });
  return `${fileAddress(run, 'model.zip')}?${query}`;
}
