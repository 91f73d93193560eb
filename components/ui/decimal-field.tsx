'use client';
/** A number that may be small or have decimals ("0.001", "1e-3"), within bounds; what is typed is held until it is one. */
import { useEffect, useId, useState } from 'react';

interface DecimalFieldProps {
  label: string;
  value: number;
  /** Both ends count, unless `open` leaves the lower one out. */
  min: number;
  max: number;
  open?: boolean;
  onChange: (value: number) => void;
  disabled?: boolean;
}

export function DecimalField({ label, value, min, max, open = false, onChange, disabled }: DecimalFieldProps) {
  const id = useId();
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped((now) => (Number(now) === value && now.trim() !== '' ? now : String(value))), [value]);
  const accepts = (text: string): number | null => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    return Number.isFinite(number) && number <= max && (open ? number > min : number >= min) ? number : null;
  };
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs text-muted">
        {label}
      </label>
      <input
        id={id}
        inputMode="decimal"
        value={typed}
        disabled={disabled}
        aria-invalid={accepts(typed) === null}
        title={open ? `more than ${min}, at most ${max}` : `${min} to ${max}`}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = accepts(event.target.value);
          if (next !== null) onChange(next);
        }}
        onBlur={() => {
          if (accepts(typed) === null) setTyped(String(value));
        }}
        className="h-7 w-full rounded-md border border-line bg-panel px-2 text-right text-xs aria-invalid:border-danger disabled:opacity-50"
      />
    </div>
  );
}
