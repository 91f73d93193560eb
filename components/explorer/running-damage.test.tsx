import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { RunningDamage } from './running-damage';

test('an interval has one row, whatever it was replaced with, in the order of depth', () => {
  const run = (first: number, last: number, by: 'nothing' | 'probes') => ({ on: 'run', first, last, by }) as const;
  const html = renderToStaticMarkup(
    <RunningDamage
      damage={[
        { edit: run(5, 7, 'nothing'), outputError: 0.25 },
        { edit: run(0, 1, 'nothing'), outputError: 0.5 },
        { edit: run(5, 7, 'probes'), outputError: 0.125 },
      ]}
    />,
  );
  const rows = [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row]) =>
    row!
      .replace(/<[^>]+>/g, '|')
      .split('|')
      .filter(Boolean),
  );
  expect(rows.slice(1)).toEqual([
    ['[0, 1]', '50 %'],
    ['[5, 7]', '25 %', '13 %'],
  ]);
});
