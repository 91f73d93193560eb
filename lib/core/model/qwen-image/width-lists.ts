/**
 * The three lists that PPCL's QwenImageTransformer2DModel adds to config.json: indices of blocks of this very model.
 *
 *   single_stream_index   the text stream is held back: the block attends to projected text and leaves the text state alone
 *   ffn_proj_index        feed-forward layers of every stream that the block updates are linear maps
 *   ehs_proj_index        the block projects the text state at its end; on a block that is not in the first list it does nothing
 */
import { ContiguaError } from '../../errors.ts';
import type { RawConfig } from '../architecture.ts';
import type { BlockForm } from '../block-form.ts';

export interface WidthLists {
  readonly single: ReadonlySet<number>;
  readonly ffn: ReadonlySet<number>;
  readonly ehs: ReadonlySet<number>;
}

const KEYS = { single: 'single_stream_index', ffn: 'ffn_proj_index', ehs: 'ehs_proj_index' } as const;

/** Throws `config-invalid`, naming the key. */
export function parseWidthLists(raw: RawConfig, numBlocks: number, file: string): WidthLists {
  const list = (key: string) => blockList(raw, key, numBlocks, file);
  const lists = { single: list(KEYS.single), ffn: list(KEYS.ffn), ehs: list(KEYS.ehs) };
  if (lists.single.has(0)) {
    throw new ContiguaError('config-invalid', 'Block 0 cannot be a single-stream block', {
      file,
      found: `${KEYS.single} = ${JSON.stringify(raw[KEYS.single])}`,
      expected: 'blocks from 1',
      hint: 'A single-stream block takes its text from the dual-stream block before it, and before block 0 there is none.',
    });
  }
  return lists;
}

function blockList(raw: RawConfig, key: string, numBlocks: number, file: string): ReadonlySet<number> {
  const value = raw[key] ?? [];
  const isBlock = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0 && Number(n) < numBlocks;
  const blocks: ReadonlySet<unknown> = new Set(Array.isArray(value) ? value : []);
  if (Array.isArray(value) && value.every(isBlock) && blocks.size === value.length) return new Set(value);
  throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
    file,
    found: JSON.stringify(value),
    expected: `a list of blocks, each once and from 0 to ${numBlocks - 1}`,
  });
}

export function isNarrow({ single, ffn, ehs }: WidthLists): boolean {
  return single.size + ffn.size + ehs.size > 0;
}

/** Whether a block has one of the forms that the lists name. */
export function formOf({ single, ffn, ehs }: WidthLists, index: number): BlockForm {
  return {
    ...(single.has(index) ? { text: ehs.has(index) ? ('end' as const) : ('projected' as const) } : {}),
    ...(ffn.has(index) ? { linearFfn: ['image', 'text'] } : {}),
  };
}

/** config.json's keys for blocks in these forms, in their order. */
export function widthKeys(forms: readonly BlockForm[]): RawConfig {
  const places = (wanted: (form: BlockForm) => boolean) => forms.flatMap((form, i) => (wanted(form) ? [i] : []));
  return {
    [KEYS.single]: places(({ text }) => text !== undefined),
    [KEYS.ffn]: places(({ linearFfn = [] }) => linearFfn.length > 0),
    [KEYS.ehs]: places(({ text }) => text === 'end'),
  };
}
