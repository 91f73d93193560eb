'use client';
/** What number fields share: a labelled input whose text may not be taken, which it then says, to its group as well. */
import { useId } from 'react';
import { useFieldProblem } from './field-group';

interface TypedFieldProps {
  label: string;
  /** What stands in the input. */
  typed: string;
  onTyped: (text: string) => void;
  /** Why the text is not taken. */
  problem: string | null;
  /** What may stand there, on hover. */
  title: string;
  whole: boolean;
  placeholder?: string;
  disabled?: boolean | undefined;
  /** The label stands before the input, not above it. */
  inline?: boolean;
}

export function TypedField({
  label,
  typed,
  onTyped,
  problem,
  title,
  whole,
  placeholder,
  disabled,
  inline = false,
}: TypedFieldProps) {
  const id = useId();
  useFieldProblem(problem && !disabled ? `${label}: ${problem}` : null);
  return (
    <div className={inline ? 'flex min-w-0 flex-wrap items-center gap-x-2' : 'min-w-0'}>
      <label htmlFor={id} className={`text-xs text-muted ${inline ? '' : 'mb-1 block'}`}>
        {label}
      </label>
      <input
        id={id}
        inputMode={whole ? 'numeric' : 'decimal'}
        autoComplete="off"
        value={typed}
        placeholder={placeholder}
        disabled={disabled}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        title={title}
        onChange={(event) => onTyped(event.target.value)}
        className={`h-7 rounded-md border border-line bg-panel px-2 text-right text-xs text-ink placeholder:text-muted aria-invalid:border-danger disabled:opacity-50 ${inline ? 'w-20' : 'w-full'}`}
      />
      {problem === null ? null : (
        <p id={`${id}-problem`} role="alert" className={`text-2xs text-danger ${inline ? 'basis-full' : 'mt-0.5'}`}>
          {problem}
        </p>
      )}
    </div>
  );
}
