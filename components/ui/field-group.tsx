'use client';
/**
 * What is wrong in a group of fields, so that the button which would use them can wait. A field keeps what was typed and
 * says beside it why it cannot be taken; nothing is changed to the nearest allowed value.
 */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useId, useMemo, useState } from 'react';

interface Group {
  /** Of the fields that cannot be taken as they are, in the order in which they became so: "Steps: 1 to 1,000,000". */
  readonly problems: readonly string[];
  note(field: string, problem: string | null): void;
}

const GroupContext = createContext<Group>({ problems: [], note: () => {} });

export function FieldGroup({ children }: { children: ReactNode }) {
  const [byField, setByField] = useState<ReadonlyMap<string, string>>(new Map());
  const note = useCallback(
    (field: string, problem: string | null) =>
      setByField((before) => {
        if ((before.get(field) ?? null) === problem) return before;
        const after = new Map(before);
        if (problem === null) after.delete(field);
        else after.set(field, problem);
        return after;
      }),
    [],
  );
  const group = useMemo<Group>(() => ({ problems: [...byField.values()], note }), [byField, note]);
  return <GroupContext value={group}>{children}</GroupContext>;
}

export const useFieldProblems = (): readonly string[] => useContext(GroupContext).problems;

/** For a field: tells its group what is wrong with it, for as long as it is shown. */
export function useFieldProblem(problem: string | null): void {
  const field = useId();
  const { note } = useContext(GroupContext);
  useEffect(() => {
    note(field, problem);
    return () => note(field, null);
  }, [note, field, problem]);
}
