/** Addresses of what a run gives to take away. */
import type { Subset } from './plugged.ts';

/** `name` may have folders in it: "plan.json", "students/3-4.safetensors". */
export const fileAddress = (run: string, name: string): string =>
  `/api/files/runs/${[run, ...name.split('/')].map(encodeURIComponent).join('/')}`;

/** The student model with these students in it, in the form of an exporter; with none it is the teacher. */
export function modelAddress(run: string, { plugged, fineTuned }: Subset, format: string): string {
  const choice = `plugged=${plugged.join(',')}${fineTuned ? '&fineTuned=1' : ''}`;
  return `${fileAddress(run, 'model.zip')}?${choice}&format=${format}`;
}
