/** Fact by fact, what the checker reads in pictures of one prompt. */
import { CheckIcon, CrossIcon } from '@/components/ui/icons';
import type { Drawing } from '@/lib/compute/protocol.ts';

type Fact = Drawing['facts'][number];

export interface FactColumn {
  readonly name: string;
  /** Null where the picture belongs to another prompt or was not drawn. */
  readonly facts: readonly Fact[] | null;
  /** The picture is not of what the page says now. */
  readonly isOutdated: boolean;
}

interface FactTableProps {
  /** The first has facts: they name the rows. */
  columns: readonly FactColumn[];
  caption?: string;
}

export function FactTable({ columns, caption = 'What the checker reads in the pictures' }: FactTableProps) {
  // Names keep their room beside three pictures on a phone.
  const wide = columns.length > 2 ? 'w-16 sm:w-22' : 'w-22';
  return (
    <table className="mt-2 w-full text-xs">
      <caption className="sr-only">{caption}</caption>
      <thead className="text-left align-bottom text-muted">
        <tr className="h-6">
          <th scope="col" className="font-normal">
            Fact
          </th>
          {columns.map(({ name, facts, isOutdated }) => (
            <th key={name} scope="col" className={`${wide} font-normal`}>
              {name}
              {facts && isOutdated ? <Outdated /> : null}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {(columns[0]?.facts ?? []).map((fact, index) => (
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
            {columns.map(({ name, facts }) => (
              <Verdict key={name} fact={facts?.[index] ?? null} />
            ))}
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
    <td className="pr-1.5" title={`Expected ${fact.expected}, seen ${fact.seen}`}>
      <span className={`flex items-center gap-1 ${fact.holds ? 'text-muted' : 'text-danger'}`}>
        <span className="scale-75">{fact.holds ? <CheckIcon /> : <CrossIcon />}</span>
        {fact.holds ? <span className="sr-only">holds</span> : <span className="truncate">{fact.seen}</span>}
      </span>
    </td>
  );
}
