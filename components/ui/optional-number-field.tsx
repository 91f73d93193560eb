'use client';
/** A number within bounds that may be left out: an empty field shows what stands in its place, and gives null. */
import { useEffect, useId, useState } from 'react';
import { type NumberRange, rangeWords } from '@/lib/core/number-range.ts';
import { useFieldProblem } from './field-group';
import { typedNumber } from './typed-number.ts';

interface OptionalNumberFieldProps {
  label: string;
  value: number | null;
  /** What an empty field means: "all". */
  standsFor: string;
  range: NumberRange;
  onChange: (value: number | null) => void;
  disabled?: boolean;
}

const textOf = (value: number | null): string => (value === null ? '' : String(value));

export function OptionalNumberField({ label, value, standsFor, range, onChange, disabled }: OptionalNumberFieldProps) {
  const id = useId();
  const [typed, setTyped] = useState(textOf(value));
  // Another value from outside takes the place of what was typed.
  useEffect(() => setTyped((now) => (readAs(now, range).value === value ? now : textOf(value))), [value, range]);
  const { problem } = readAs(typed, range);
  useFieldProblem(problem && !disabled ? `${label}: ${problem}` : null);
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs text-muted">
        {label}
      </label>
      <input
        id={id}
        inputMode={range.whole ? 'numeric' : 'decimal'}
        autoComplete="off"
        value={typed}
        placeholder={standsFor}
        disabled={disabled}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        title={`${rangeWords(range)}; empty: ${standsFor}`}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = readAs(event.target.value, range);
          if (next.problem === null) onChange(next.value);
        }}
        className="h-7 w-full rounded-md border border-line bg-panel px-2 text-right text-xs text-ink placeholder:text-muted aria-invalid:border-danger disabled:opacity-50"
      />
      {problem === null ? null : (
        <p id={`${id}-problem`} role="alert" className="mt-0.5 text-2xs text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}

function readAs(text: string, range: NumberRange) {
  return text.trim() === '' ? { value: null, problem: null } : typedNumber(text, range);
}
