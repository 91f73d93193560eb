'use client';
/**
 * A text that may not be longer than `most`. What is typed or pasted stays in the field; while it is too long the field
 * says so, the value stays as it was, and the field's group knows (see field-group.tsx).
 */
import { type ReactNode, useEffect, useId, useState } from 'react';
import { useFieldProblem } from './field-group';
import { textLength } from './text-length.ts';

interface LimitedText {
  readonly label: string;
  readonly value: string;
  readonly most: number;
  readonly onChange: (value: string) => void;
}

interface LimitedField {
  /** For the input or textarea. */
  readonly field: {
    readonly value: string;
    readonly onChange: (event: { readonly target: { readonly value: string } }) => void;
    readonly 'aria-invalid': boolean;
    readonly 'aria-describedby': string | undefined;
  };
  /** Goes below it. */
  readonly note: ReactNode;
}

export function useLimitedText({ label, value, most, onChange }: LimitedText): LimitedField {
  const id = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const { hint, problem } = textLength(typed, most);
  useFieldProblem(problem && `${label}: ${problem}`);
  const words = problem ?? hint;
  return {
    field: {
      value: typed,
      onChange: ({ target }) => {
        setTyped(target.value);
        if (textLength(target.value, most).problem === null) onChange(target.value);
      },
      'aria-invalid': problem !== null,
      'aria-describedby': words === null ? undefined : id,
    },
    note:
      words === null ? null : (
        <p
          id={id}
          role={problem ? 'alert' : undefined}
          className={`text-2xs ${problem ? 'text-danger' : 'text-muted'}`}
        >
          {words}
        </p>
      ),
  };
}
