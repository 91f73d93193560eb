'use client';
/** A whole number within bounds; what is typed is held until it is one, so that half-typed values do no harm. */
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
  const number = Number(typed);
  const valid = typed.trim() !== '' && Number.isInteger(number) && number >= min && number <= max;
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
          if (event.target.value.trim() !== '' && Number.isInteger(next) && next >= min && next <= max) onChange(next);
        }}
        onBlur={() => setTyped(String(value))}
        className="h-7 w-full rounded-md border border-line bg-panel px-2 text-right text-xs aria-invalid:border-danger disabled:opacity-50"
      />
    </div>
  );
}
