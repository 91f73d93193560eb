/**
 * What `JSON.parse` hides: a key that occurs twice (the last wins) and how a number was written. Both let a hostile
 * header mean different things to different readers. Works on text that JSON.parse has already accepted, so it need
 * not know the grammar, only keep track of where it is. Iterative: neither nesting nor long strings cost stack.
 */

import { endOfString } from '../json-text.ts';

/** Keys from the root to a value; array elements add none. */
export type KeyPath = readonly string[];

export interface JsonVisitor {
  /** `path` ends with a key that its object already had. */
  duplicate(path: KeyPath): void;
  /** A number as written. */
  number(path: KeyPath, literal: string): void;
}

export function scanJson(text: string, visitor: JsonVisitor): void {
  /** Keys seen per open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  const path: string[] = [];
  let key: string | null = null;
  let awaitingKey = false;
  // One path entry per open object whose value is being read.
  const leaveValue = () => {
    if (open.at(-1)) path.pop();
  };
  for (const token of tokensOf(text)) {
    const first = token[0];
    if (first === '{' || first === '[') {
      open.push(first === '{' ? new Set() : null);
      awaitingKey = first === '{';
    } else if (first === '}' || first === ']') {
      open.pop();
      // An empty object is closed while a key was awaited; the value it was is now complete.
      awaitingKey = false;
      leaveValue();
    } else if (first === ',') {
      awaitingKey = open.at(-1) !== null;
    } else if (first === ':') {
      const seen = open.at(-1);
      if (key !== null && seen) {
        path.push(key);
        if (seen.has(key)) visitor.duplicate(path);
        seen.add(key);
      }
      key = null;
    } else if (first === '"' && awaitingKey) {
      key = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1);
      awaitingKey = false;
    } else {
      if (first !== '"' && token !== 'true' && token !== 'false' && token !== 'null') visitor.number(path, token);
      leaveValue();
    }
  }
}

/** Strings with their quotes, punctuation, and words (numbers, true, false, null). */
function* tokensOf(text: string): Generator<string> {
  const start = /["{}[\]:,]|[^\s{}[\]:,"]+/g;
  for (let match = start.exec(text); match; match = start.exec(text)) {
    if (match[0] === '"') start.lastIndex = endOfString(text, match.index) + 1;
    yield text.slice(match.index, start.lastIndex);
  }
}
