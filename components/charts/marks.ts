/**
 * What a chart draws, as plain data: one description that the page renders through React (`marks-view.tsx`) and that
 * an export writes as text (`svg-document.ts`), so that a figure in a paper is the figure on the screen.
 */
export type MarkTag =
  | 'g'
  | 'rect'
  | 'line'
  | 'path'
  | 'circle'
  | 'text'
  | 'defs'
  | 'pattern'
  | 'linearGradient'
  | 'stop'
  | 'clipPath';

export interface Mark {
  readonly tag: MarkTag;
  /** SVG attribute names as in the specification (`stroke-width`); undefined ones are left out. */
  readonly attributes: Readonly<Record<string, string | number | undefined>>;
  readonly children: readonly (Mark | string)[];
}

export function mark(tag: MarkTag, attributes: Mark['attributes'], ...children: readonly (Mark | string)[]): Mark {
  return { tag, attributes, children };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** At most three decimals: a quarter of a pixel is already invisible, and files stay small. */
function attributeText(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : escapeXml(value);
}

export function markToXml(node: Mark | string): string {
  if (typeof node === 'string') return escapeXml(node);
  const attributes = Object.entries(node.attributes)
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    .map(([name, value]) => ` ${name}="${attributeText(value)}"`)
    .join('');
  const inside = node.children.map(markToXml).join('');
  return inside ? `<${node.tag}${attributes}>${inside}</${node.tag}>` : `<${node.tag}${attributes}/>`;
}

/** Polyline through the points; a null breaks the line, a lone point between two gaps is kept as a dot-length stroke. */
export function linePath(points: readonly (readonly [x: number, y: number] | null)[]): string {
  let path = '';
  let open = false;
  for (const point of points) {
    if (!point) {
      open = false;
      continue;
    }
    const [x, y] = point;
    path += `${open ? 'L' : 'M'}${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100}`;
    if (!open) path += 'h0';
    open = true;
  }
  return path;
}
