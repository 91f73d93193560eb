/** How the samples of a report were split, in a line, and per timestep on demand. */
import { splitWords, tokensWords } from '@/lib/core/detection/index.ts';
import type { SplitFacts } from '@/lib/core/report/report.ts';

export function SplitDetails({ split }: { split: SplitFacts }) {
  const words = splitWords(split);
  if (split.rule === 'golden-ratio' || split.heldOutGroups === 0) return <span className="block">{words}</span>;
  const streams = Object.keys(split.timesteps[0]?.tokens ?? {});
  return (
    <details>
      <summary className="cursor-pointer">{words}</summary>
      <table className="mt-1 w-full text-right tabular-nums">
        <caption className="py-1 text-left">
          Samples{streams.length > 0 ? ' and tokens' : ''}, fitted + held out
        </caption>
        <thead>
          <tr>
            <th scope="col" className="text-left font-normal">
              timestep
            </th>
            <th scope="col" className="font-normal">
              samples
            </th>
            {streams.map((stream) => (
              <th key={stream} scope="col" className="font-normal">
                {stream}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {split.timesteps.map(({ timestep, samples, heldOut, tokens }) => (
            <tr key={timestep}>
              <th scope="row" className="text-left font-normal">
                {Number(timestep.toPrecision(4))}
              </th>
              <td className="whitespace-nowrap">{`${samples - heldOut} + ${heldOut}`}</td>
              {streams.map((stream) => (
                <td key={stream} className="whitespace-nowrap">
                  {tokensWords(tokens?.[stream])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
