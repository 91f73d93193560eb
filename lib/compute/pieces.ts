/**
 * Messages in pieces. A browser reads a message in one task of the thread that receives it: some 30 ms for the report of a model of sixty
 * blocks, in which the page cannot answer. A worker therefore sends the large parts of a message ahead, each in a message of its
 * own, and the page puts them back in their places. The page sends its own messages in the same way, one in each task (paced.ts). A message with buffers to hand over goes as it is.
 */
import type { Path, Piece, Rest } from './joined-pieces.ts';

/** Numbers of one piece, at least: a millisecond or two of reading. */
const PIECE_LEAVES = 20_000;

/** Sends a message, after its large parts. */
export function postInPieces(message: unknown, post: (message: unknown) => void): void {
  const pieces: Piece[] = [];
  const { value } = withoutPieces(message, [], pieces);
  for (const piece of pieces) post(piece);
  post(pieces.length === 0 ? message : ({ type: 'rest', value } satisfies Rest));
}

interface Weighed {
  readonly value: unknown;
  /** Numbers, texts and the like, without those that are pieces. */
  readonly leaves: number;
}

/** Copies what holds pieces, and nothing else. Their places hold null. */
function withoutPieces(value: unknown, path: Path, pieces: Piece[]): Weighed {
  if (!isPlain(value)) return { value, leaves: 1 };
  // A row of a matrix.
  if (Array.isArray(value) && !isPlain(value.find((one) => one !== null))) return { value, leaves: value.length };
  let leaves = 0;
  let copy: Record<string | number, unknown> | null = null;
  for (const key of Object.keys(value)) {
    const before = pieces.length;
    const child = withoutPieces(value[key], [...path, key], pieces);
    leaves += child.leaves;
    if (pieces.length === before) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[key] = child.value;
  }
  const left = copy ?? value;
  if (leaves < PIECE_LEAVES || path.length === 0) return { value: left, leaves };
  pieces.push({ type: 'piece', path, value: left });
  return { value: null, leaves: 0 };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
