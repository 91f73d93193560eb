/** Messages in pieces (pieces.ts), put together again. */

export type Path = readonly (string | number)[];

export interface Piece {
  readonly type: 'piece';
  readonly path: Path;
  readonly value: unknown;
}
export interface Rest {
  readonly type: 'rest';
  readonly value: unknown;
}

/** Hears whole messages. Of one port alone: the pieces of two messages never mix there. */
export function joined(hear: (message: unknown) => void): (message: unknown) => void {
  let pieces: Piece[] = [];
  return (message) => {
    if (isOf<Piece>(message, 'piece')) {
      pieces.push(message);
    } else if (isOf<Rest>(message, 'rest')) {
      const root = { value: message.value };
      // A piece that holds the place of another one was sent after it.
      for (const { path, value } of pieces.toReversed()) put(root, ['value', ...path], value);
      pieces = [];
      hear(root.value);
    } else hear(message);
  };
}

function put(root: Record<string, unknown>, path: Path, value: unknown): void {
  const place = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], root);
  (place as Record<string | number, unknown>)[path.at(-1) ?? ''] = value;
}

const isOf = <T extends Piece | Rest>(message: unknown, type: T['type']): message is T =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === type;
