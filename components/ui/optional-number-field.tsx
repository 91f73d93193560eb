'use client';
/** A number within bounds that may be left out: an empty field shows what stands in its place, and gives null. */
import { useEffect, useState } from 'react';
import { type NumberRange, rangeWords } from '@/lib/core/number-range.ts';
import { TypedField } from './typed-field';
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
  const [typed, setTyped] = useState(textOf(value));
  // Another value from outside takes the place of what was typed.
  useEffect(() => setTyped((now) => (readAs(now, range).value === value ? now : textOf(value))), [value, range]);
  return (
    <TypedField
      label={label}
      typed={typed}
      onTyped={(text) => {
        setTyped(text);
        const next = readAs(text, range);
        if (next.problem === null) onChange(next.value);
      }}
      problem={readAs(typed, range).problem}
      title={`${rangeWords(range)}; empty: ${standsFor}`}
      whole={range.whole ?? false}
      placeholder={standsFor}
      disabled={disabled}
    />
  );
}

function readAs(text: string, range: NumberRange) {
  return text.trim() === '' ? { value: null, problem: null } : typedNumber(text, range);
}
