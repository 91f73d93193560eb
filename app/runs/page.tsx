/** Every distillation run on this server. */
import type { Metadata } from 'next';
import { RunList } from '@/components/runs/run-list';

export const metadata: Metadata = { title: 'Runs · Contigua' };

export default function Page() {
  return <RunList />;
}
