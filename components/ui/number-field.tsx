'use client';
/**
 * A whole number within bounds. What is typed is held until it is one, so that half-typed values do no harm; a whole
 * number beyond a bound becomes that bound when the field is left.
 */
import { useEffect, useId, useState } from 'react';

interface NumberFieldProps {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
  disabled?: boolean;
}

export function NumberField({ label, value, min, max, onChange, disabled }: NumberFieldProps) {
  const id = useId();
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const number = typed.trim() === '' ? Number.NaN : Number(typed);
  const within = (candidate: number) => Math.min(max, Math.max(min, candidate));
  const valid = Number.isInteger(number) && number === within(number);
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs text-muted">
        {label}
      </label>
      <input
        id={id}
        inputMode="numeric"
        value={typed}
        disabled={disabled}
        aria-invalid={!valid}
        title={`${min} to ${max}`}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = Number(event.target.value);
          if (event.target.value.trim() !== '' && Number.isInteger(next) && next === within(next)) onChange(next);
        }}
        onBlur={() => {
          const kept = Number.isInteger(number) ? within(number) : value;
          setTyped(String(kept));
          if (kept !== value) onChange(kept);
        }}
        className="h-7 w-full rounded-md border border-line bg-panel px-2 text-right text-xs aria-invalid:border-danger disabled:opacity-50"
      />
    </div>
  );
}
