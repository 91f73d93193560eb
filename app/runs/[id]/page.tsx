/** One distillation run. */
import type { Metadata } from 'next';
import { RunPage } from '@/components/run/run-page';

export const metadata: Metadata = { title: 'Run · Contigua' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <RunPage id={(await params).id} />;
}
