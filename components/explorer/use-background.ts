'use client';
/** What the background worker says to a question of the page. */
import { startTransition, useEffect, useState } from 'react';

interface Answered<Q, T> {
  readonly question: Q;
  readonly answer: T;
}

/**
 * The newest answer, and what it answers: an earlier question while that of now is being worked on. Null until there is one. A question
 * is new where its object is. `ask` is always the same; where it answers null, a newer question took the place of this one.
 */
export function useBackground<Q extends object, T>(
  question: Q | null,
  ask: (question: Q) => Promise<T | null>,
): Answered<Q, T> | null {
  const [answered, setAnswered] = useState<Answered<Q, T> | null>(null);
  useEffect(() => {
    if (!question) return;
    let isWanted = true;
    ask(question).then(
      (answer) => {
        if (isWanted && answer !== null) startTransition(() => setAnswered({ question, answer }));
      },
      // To the error boundary, like anything that a component throws.
      (thrown) => {
        if (!isWanted) return;
        setAnswered(() => {
          throw thrown;
        });
      },
    );
    return () => {
      isWanted = false;
    };
  }, [question, ask]);
  return answered;
}
