'use client';
/** One of a few options, all visible: a radio group drawn as one control. Null is none of them, shown as mixed. */
import { useId } from 'react';

export interface ChoiceProps<T extends string> {
  name: string;
  value: T | null;
  options: readonly {
    readonly value: T;
    readonly label: string;
    readonly disabled?: boolean;
    readonly title?: string;
  }[];
  onChange: (value: T) => void;
  disabled?: boolean;
  className?: string;
}

export function Choice<T extends string>({ name, value, options, onChange, disabled, className = '' }: ChoiceProps<T>) {
  const group = useId();
  return (
    <fieldset
      disabled={disabled}
      className={`inline-flex h-7 shrink-0 rounded-md border border-line bg-panel-2 p-0.5 ${className}`}
    >
      <legend className="sr-only">{value === null ? `${name} (mixed)` : name}</legend>
      {value === null ? (
        <span aria-hidden className="self-center px-2 text-2xs text-muted">
          mixed
        </span>
      ) : null}
      {options.map((option) => (
        <label
          key={option.value}
          title={option.title}
          className={`relative flex flex-1 items-center justify-center rounded-[5px] px-2 text-xs whitespace-nowrap text-muted has-checked:bg-panel has-checked:font-medium has-checked:text-ink has-checked:shadow-xs has-disabled:opacity-60 has-focus-visible:outline-2 has-focus-visible:outline-(--focus)`}
        >
          <input
            type="radio"
            name={group}
            value={option.value}
            checked={option.value === value}
            disabled={option.disabled}
            onChange={() => onChange(option.value)}
            className="absolute inset-0 opacity-0"
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
