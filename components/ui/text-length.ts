/** How long a text may be, in words: a hint near the limit, and what is wrong beyond it. Nothing is cut. Pure. */
export interface TextLength {
  readonly hint: string | null;
  readonly problem: string | null;
}

/** From this share of the limit on, the count is shown. */
const NEAR = 0.9;

export function textLength(text: string, most: number): TextLength {
  const length = text.length.toLocaleString('en-US');
  const limit = most.toLocaleString('en-US');
  if (text.length > most) return { hint: null, problem: `${length} characters, at most ${limit}` };
  return { hint: text.length >= NEAR * most ? `${length} of ${limit} characters` : null, problem: null };
}
