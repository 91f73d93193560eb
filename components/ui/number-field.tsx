'use client';
/** A number within bounds. What is typed stays; where it cannot be taken, the value stays as it was and the field says why. */
import { useEffect, useState } from 'react';
import { type NumberRange, rangeWords } from '@/lib/core/number-range.ts';
import { TypedField } from './typed-field';
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
  const [typed, setTyped] = useState(String(value));
  // Another value from outside takes the place of what was typed; "1e-3" stays for 0.001.
  useEffect(() => setTyped((now) => (typedNumber(now, EVERY).value === value ? now : String(value))), [value]);
  return (
    <TypedField
      label={label}
      typed={typed}
      onTyped={(text) => {
        setTyped(text);
        const { value: next } = typedNumber(text, range);
        if (next !== null) onChange(next);
      }}
      problem={typedNumber(typed, range).problem}
      title={rangeWords(range)}
      whole={range.whole ?? false}
      disabled={disabled}
      inline={inline}
    />
  );
}

const EVERY: NumberRange = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
