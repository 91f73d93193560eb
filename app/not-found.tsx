/** An address that leads nowhere. */
import Link from 'next/link';

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-content-center gap-3 p-8 text-center">
      <h1 className="text-base font-semibold">There is no such page</h1>
      <p className="text-muted">Models are analysed on the first page; distillation runs are listed under Runs.</p>
      <Link href="/" className="justify-self-center rounded-md border border-line px-3 py-1.5 hover:bg-panel-2">
        Open Contigua
      </Link>
    </main>
  );
}
