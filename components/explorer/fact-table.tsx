/** Fact by fact, what the checker reads in the two pictures. */
import { CheckIcon, CrossIcon } from '@/components/ui/icons';
import type { Drawing } from '@/lib/compute/protocol.ts';

type Fact = Drawing['facts'][number];

interface FactTableProps {
  whole: readonly Fact[];
  pruned: readonly Fact[] | null;
  /** Whole and pruned: the picture is not of what the page says now. */
  outdated: readonly [whole: boolean, pruned: boolean];
}

/** `pruned` is null when the right picture belongs to another prompt or was not drawn. */
export function FactTable({ whole, pruned, outdated }: FactTableProps) {
  return (
    <table className="mt-2 w-full text-xs">
      <caption className="sr-only">What the checker reads in the pictures</caption>
      <thead className="text-left align-bottom text-muted">
        <tr className="h-6">
          <th scope="col" className="font-normal">
            Fact
          </th>
          <th scope="col" className="w-22 font-normal">
            Whole{outdated[0] ? <Outdated /> : null}
          </th>
          <th scope="col" className="w-22 font-normal">
            Pruned{pruned && outdated[1] ? <Outdated /> : null}
          </th>
        </tr>
      </thead>
      <tbody>
        {whole.map((fact, index) => (
          <tr key={fact.name} className="h-5">
            <th
              scope="row"
              className="max-w-0 truncate pr-2 text-left font-normal"
              title={`${fact.name}: ${fact.expected}`}
            >
              <span className="sr-only">
                {fact.name}: {fact.expected}
              </span>
              <span aria-hidden className="text-muted">
                {shortName(fact.name)}
              </span>{' '}
              <span aria-hidden>{fact.expected}</span>
            </th>
            <Verdict fact={fact} />
            <Verdict fact={pruned?.[index] ?? null} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const Outdated = () => <span className="block text-2xs">outdated</span>;

const PLACES: Readonly<Record<string, string>> = {
  'top-left': '↖',
  'top-right': '↗',
  'bottom-left': '↙',
  'bottom-right': '↘',
};

/** "top-left size" as "↖ size": the column is narrow, the full name is in the title and for screen readers. */
function shortName(name: string): string {
  const [place, ...rest] = name.split(' ');
  const arrow = place && rest.length > 0 ? PLACES[place] : undefined;
  return arrow ? `${arrow} ${rest.join(' ')}` : name;
}

/** A mark and, where the fact does not hold, what is there instead: never colour alone. */
function Verdict({ fact }: { fact: Fact | null }) {
  if (!fact) return <td className="text-muted">–</td>;
  return (
    <td title={`Expected ${fact.expected}, seen ${fact.seen}`}>
      <span className={`flex items-center gap-1 ${fact.holds ? 'text-muted' : 'text-danger'}`}>
        <span className="scale-75">{fact.holds ? <CheckIcon /> : <CrossIcon />}</span>
        {fact.holds ? <span className="sr-only">holds</span> : <span className="truncate">{fact.seen}</span>}
      </span>
    </td>
  );
}
