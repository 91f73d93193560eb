/** Renders marks as React elements: the thin half of every SVG chart. */
import { createElement, memo, type ReactNode } from 'react';
import type { Mark } from './marks.ts';

const camelCase = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function element(node: Mark | string, key: number): ReactNode {
  if (typeof node === 'string') return node;
  const properties: Record<string, string | number> = { key };
  for (const [name, value] of Object.entries(node.attributes)) {
    if (value !== undefined) properties[camelCase(name)] = value;
  }
  return createElement(node.tag, properties, ...node.children.map(element));
}

export const Marks = memo(function Marks({ marks }: { readonly marks: readonly Mark[] }): ReactNode {
  return marks.map(element);
});
