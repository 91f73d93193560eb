'use client';
/** Output errors of detected intervals while an analysis measures them, as they arrive. */
import type { MeasuredRun } from '@/lib/compute/protocol.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';

export function RunningDamage({ damage }: { readonly damage: readonly MeasuredRun[] }) {
  const rows = new Map<string, Partial<Record<MeasuredRun['edit']['by'], string>>>();
  for (const { edit, outputError } of damage.toSorted((a, b) => a.edit.first - b.edit.first)) {
    const interval = `[${edit.first}, ${edit.last}]`;
    rows.set(interval, { ...rows.get(interval), [edit.by]: percentWords(outputError) });
  }
  return (
    <table className="mt-1 w-full text-2xs text-muted">
      <caption className="text-left">Output error, measured so far</caption>
      <thead>
        <tr>
          <th className="text-left font-normal">Interval</th>
          <th className="text-right font-normal">Taken out</th>
          <th className="text-right font-normal">With probes</th>
        </tr>
      </thead>
      <tbody>
        {Array.from(rows, ([interval, { nothing, probes }]) => (
          <tr key={interval}>
            <th scope="row" className="text-left font-normal">
              {interval}
            </th>
            <td className="text-right">{nothing}</td>
            <td className="text-right">{probes}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
