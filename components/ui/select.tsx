'use client';
/** One of several options behind a native select, with its label in front. */
import { useId } from 'react';
import { ChevronIcon } from './icons';

export interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly { readonly value: T; readonly label: string; readonly disabled?: boolean }[];
  onChange: (value: T) => void;
  disabled?: boolean;
}

export function Select<T extends string>({ label, value, options, onChange, disabled }: SelectProps<T>) {
  const id = useId();
  return (
    <div className="flex items-center justify-between gap-2">
      <label htmlFor={id} className="text-xs whitespace-nowrap text-muted">
        {label}
      </label>
      <span className="relative inline-flex min-w-0 items-center">
        <select
          id={id}
          value={value}
          disabled={disabled}
          onChange={(event) => {
            const chosen = options.find((option) => option.value === event.target.value);
            if (chosen) onChange(chosen.value);
          }}
          className="h-7 max-w-full min-w-0 appearance-none truncate rounded-md border border-line bg-panel py-0 pr-6 pl-2 text-xs hover:bg-panel-2 disabled:opacity-50"
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} disabled={option.disabled}>
              {option.label}
            </option>
          ))}
        </select>
        <span className="pointer-events-none absolute right-1 text-muted">
          <ChevronIcon />
        </span>
      </span>
    </div>
  );
}
