'use client';
/**
 * A number within bounds. What is typed stays; where it cannot be taken, the field says what may stand there, the value
 * stays as it was, and the field's group knows (see field-group.tsx).
 */
import { useEffect, useId, useState } from 'react';
import { type NumberRange, rangeWords } from '@/lib/core/number-range.ts';
import { useFieldProblem } from './field-group';
import { typedNumber } from './typed-number.ts';

interface NumberFieldProps {
  label: string;
  value: number;
  range: NumberRange;
  onChange: (value: number) => void;
  disabled?: boolean;
  /** The label stands before the field, not above it. */
  inline?: boolean;
}

export function NumberField({ label, value, range, onChange, disabled, inline = false }: NumberFieldProps) {
  const id = useId();
  const [typed, setTyped] = useState(String(value));
  // Another value from outside takes the place of what was typed; "1e-3" stays for 0.001.
  useEffect(() => setTyped((now) => (typedNumber(now, EVERY).value === value ? now : String(value))), [value]);
  const { problem } = typedNumber(typed, range);
  useFieldProblem(problem && !disabled ? `${label}: ${problem}` : null);
  return (
    <div className={inline ? 'flex min-w-0 flex-wrap items-center gap-x-2' : 'min-w-0'}>
      <label htmlFor={id} className={`text-xs text-muted ${inline ? '' : 'mb-1 block'}`}>
        {label}
      </label>
      <input
        id={id}
        inputMode={range.whole ? 'numeric' : 'decimal'}
        autoComplete="off"
        value={typed}
        disabled={disabled}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        title={rangeWords(range)}
        onChange={(event) => {
          setTyped(event.target.value);
          const { value: next } = typedNumber(event.target.value, range);
          if (next !== null) onChange(next);
        }}
        className={`h-7 rounded-md border border-line bg-panel px-2 text-right text-xs text-ink aria-invalid:border-danger disabled:opacity-50 ${inline ? 'w-20' : 'w-full'}`}
      />
      {problem === null ? null : (
        <p id={`${id}-problem`} role="alert" className={`text-2xs text-danger ${inline ? 'basis-full' : 'mt-0.5'}`}>
          {problem}
        </p>
      )}
    </div>
  );
}

const EVERY: NumberRange = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
