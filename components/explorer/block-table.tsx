'use client';
/** Every block taken out whole and in halves, as far as that was measured, beside the cheap proxies of its states. */
import { blockAblation } from '@/lib/core/detection/index.ts';
import { type AnalysisReport, type BlockPart, type EditDamage, partDamageOf } from '@/lib/core/report/report.ts';
import { shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';
import { setHover } from '@/lib/page/explorer/hover.ts';
import { MeasureButton } from './measure-button';

type Damage = Omit<EditDamage, 'edit'>;

export function BlockTable({ report }: { report: AnalysisReport }) {
  const { model, proxies } = report;
  const streams = model.streams;
  const firsts = new Set(model.stacks.map(({ first }) => first));
  return (
    <>
      <section
        aria-label="Blocks taken out"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        className="max-h-64 overflow-auto border-b border-line"
      >
        <table className="w-full text-xs">
          <thead className="sticky top-0 bg-panel text-muted">
            <tr className="h-7 align-bottom [&>th]:pb-1 [&>th]:font-normal">
              <th scope="col" className="text-left">
                Block
              </th>
              <th scope="col" className="pl-2 text-right" title="Relative error of the output with the block taken out">
                out
              </th>
              <th scope="col" className="pl-2 text-right" title="With its attention taken out, in all streams">
                attention out
              </th>
              <th
                scope="col"
                className="pl-2 text-right"
                title="With its feed-forward layers taken out, in all streams"
              >
                FFN out
              </th>
              {streams.map(({ id, label }) => (
                <th
                  key={`influence ${id}`}
                  scope="col"
                  className="pl-2 text-right"
                  title={`Block Influence, a cheap proxy: 1 − the mean cosine of the ${label} states before and after the block`}
                >
                  BI {label}
                </th>
              ))}
              {streams.map(({ id, label }) => (
                <th
                  key={`mse ${id}`}
                  scope="col"
                  className="pl-2 text-right"
                  title={`Input–output MSE, a cheap proxy: the mean squared difference of the ${label} states before and after the block`}
                >
                  MSE {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {model.blocks.map((_, block) => (
              <tr
                // biome-ignore lint/suspicious/noArrayIndexKey: blocks are their places
                key={block}
                className="h-6 hover:bg-panel-2 [&>td]:pl-2 [&>td]:text-right [&>td]:whitespace-nowrap"
                onPointerEnter={() => setHover({ block })}
                onPointerLeave={() => setHover({ block: null })}
              >
                <th scope="row" className="text-left font-normal">
                  {block}
                </th>
                <ErrorCell
                  damage={blockAblation(report, block)}
                  note={
                    firsts.has(block) ? 'Left out alone: no interval takes out the first block of a stack' : undefined
                  }
                />
                {HALVES.map((part) => (
                  <ErrorCell key={part} damage={partDamageOf(report, block, part)} />
                ))}
                {streams.map(({ id }) => (
                  <td key={`influence ${id}`}>{smallWords(proxies?.blockInfluence[id]?.[block])}</td>
                ))}
                {streams.map(({ id }) => (
                  <td key={`mse ${id}`}>{smallWords(proxies?.inputOutputMse[id]?.[block])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div className="mt-2 flex flex-wrap gap-2">
        <MeasureButton report={report} which="blocks">
          each block
        </MeasureButton>
        <MeasureButton report={report} which="parts">
          attention and FFN
        </MeasureButton>
      </div>
    </>
  );
}

const HALVES: readonly BlockPart[] = ['attention', 'ffn'];

function ErrorCell({ damage, note }: { damage: Damage | undefined; note?: string | undefined }) {
  const range = damage?.bounds ? `95 % interval ${shareRangeWords(damage.bounds)}` : null;
  return (
    <td title={[range, note].filter(Boolean).join('. ') || undefined}>
      {damage ? percentWords(damage.outputError) : <span className="text-muted">–</span>}
    </td>
  );
}

/** Three figures, so that columns line up; powers of ten where the number would be long. */
function smallWords(value: number | null | undefined): string {
  if (value === null || value === undefined) return 'n/a';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 0.001 && size < 999.5) return value.toPrecision(3);
  return value.toExponential(1).replace('e-', 'e−').replace('e+', 'e');
}
