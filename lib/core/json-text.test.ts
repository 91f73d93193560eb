import { describe, expect, it } from 'vitest';
import { ContiguaError } from './errors.ts';
import { parseJson } from './json-text.ts';

const source = {
  file: 'a.json',
  code: 'inputs-invalid',
  notJson: 'Not JSON',
  expected: 'JSON',
  maxBytes: 1e8,
} as const;
const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);
function refusalOf(text: string, maxBytes: number = source.maxBytes): ContiguaError {
  try {
    parseJson(text, { ...source, maxBytes });
  } catch (thrown) {
    if (thrown instanceof ContiguaError) return thrown;
    throw thrown;
  }
  throw new Error('was accepted');
}

describe('parseJson', () => {
  it.each(['{"a":[1,{"b":"[[[[{{{{"}],"c":"\\"]","\\\\":"\\\\"}', '"\\ud83d\\ude00 \\\\ud800"', '[]', nested(127)])(
    'gives what JSON.parse gives: %s',
    (text) => {
      expect(parseJson(text, source)).toEqual(JSON.parse(text));
    },
  );

  it('does not count brackets in strings', () => {
    const text = JSON.stringify({ ['['.repeat(20_000)]: '{'.repeat(20_000) });
    expect(parseJson(text, source)).toEqual(JSON.parse(text));
  });

  it.each([
    ['lists', nested(20_000)],
    ['objects', nested(20_000, '{"a":', '}').replace(':}', ':1}')],
    ['lists that are never closed', '['.repeat(1_000_000)],
    ['a list behind a string with escaped quotes', `["\\"\\\\",${nested(200)}]`],
  ])('refuses %s nested too deeply', (_, text) => {
    expect(refusalOf(text).message).toBe(
      'a.json: The JSON is nested too deeply; found more than 127 levels; expected at most 127 levels',
    );
  });

  it('refuses text beyond the size of its kind', () => {
    expect(refusalOf(`"${'a'.repeat(99)}"`, 100).message).toBe(
      'a.json: The file is too large; found 101 bytes; expected at most 100 bytes',
    );
  });

  it('refuses more values than the memory is meant for', () => {
    expect(refusalOf(`[${'[],'.repeat(1_100_000)}1]`).message).toMatch(/too many values; found more than 2,097,152/);
  });

  it('refuses more keys than a header of 65,536 tensors holds', () => {
    const text = `{${Array.from({ length: 300_001 }, (_, i) => `"${i}":0`).join()}}`;
    expect(refusalOf(text).message).toMatch(/too many keys; found more than 300,000; expected at most 300,000/);
  });

  it.each(['"\\ud800"', '{"\\uDFFF":1}', '["\\ud83d\\u0041"]', '"\\\\\\ud800"'])('refuses half a pair: %s', (text) => {
    expect(refusalOf(text).message).toMatch(/not Unicode/);
  });

  it.each(['', '{"a":', '"abc', '"\\ud800', '{"a":1}}', '["\\u"]'])(
    'leaves what is no JSON to JSON.parse: %s',
    (text) => {
      expect(refusalOf(text)).toMatchObject({ code: 'inputs-invalid', summary: 'Not JSON' });
    },
  );

  it('takes no time that grows faster than the text', () => {
    const text = JSON.stringify({ keys: Array.from({ length: 400_000 }, (_, i) => `k${i}`), last: '\u0001' });
    const startedAt = performance.now();
    expect(parseJson(text, source)).toBeDefined();
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
