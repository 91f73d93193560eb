/**
 * JSON from outside, parsed within limits. `JSON.parse` accepts any depth and size, and what walks the value afterwards
 * (`JSON.stringify`, a structured clone) then overflows its stack or fills the memory. So the text is scanned once
 * before it is parsed: its length, how deep it nests, how many values and keys it holds, and that its strings are Unicode.
 */
import { ContiguaError, type ErrorCode } from './errors.ts';

/** As deep as the safetensors reference reader (serde_json) reads. Files of this product nest seven deep. */
const MAX_JSON_DEPTH = 127;
/** Commas and opened containers. A report of 300 blocks holds 1.8 million; parsed, this many take at most a few hundred MB. */
const MAX_JSON_VALUES = 2 ** 21;

/** Each distinct key costs several times what a value does. 65,536 tensors of four keys, and some. */
const MAX_JSON_KEYS = 300_000;

const MIB = 2 ** 20;
/** Largest size of each kind of JSON file, in bytes: far above any real one. Checked before the file is read. */
export const MAX_JSON_BYTES = {
  /** A diffusers config has 1 kB. */
  config: MIB,
  scheduler: MIB,
  /** 65,536 tensors of 120 bytes take half. */
  index: 16 * MIB,
  /** The sample's has 300 bytes, a language model's 3 MB. */
  vocabulary: 16 * MIB,
  /** 1,024 blocks of 100 bytes each make 100 kB. */
  plan: 16 * MIB,
  /** 60 blocks make 1.5 MB, 300 blocks 36 MB. */
  report: 64 * MIB,
  /** The format's own limit of a safetensors header. */
  header: 100_000_000,
} as const;

export interface JsonSource {
  readonly file: string;
  readonly tensor?: string | undefined;
  readonly code: ErrorCode;
  /** What is said of text that is not JSON: "The file is not JSON". */
  readonly notJson: string;
  /** "a plan.json of Contigua" */
  readonly expected: string;
  readonly hint?: string | undefined;
  readonly maxBytes: number;
}

/** The value of the text, or a ContiguaError of the source's code that says what was found and what is allowed. */
export function parseJson(text: string, source: JsonSource): unknown {
  // A character takes one byte or more.
  if (text.length > source.maxBytes) throw tooLargeJson(text.length, source);
  const problem = problemOf(text);
  if (problem) {
    const { summary, found, allowed } = problem;
    throw refusal(source, summary, found, allowed);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = text.length === 0 ? 'an empty file' : cause instanceof Error ? cause.message : String(cause);
    throw refusal(source, source.notJson, found, source.expected);
  }
}

/** For a file whose size says enough. */
export function tooLargeJson(bytes: number, source: Omit<JsonSource, 'notJson' | 'expected'>): ContiguaError {
  return refusal(
    source,
    'The file is too large',
    `${bytes.toLocaleString('en-US')} bytes`,
    `at most ${source.maxBytes.toLocaleString('en-US')} bytes`,
  );
}

function refusal(
  { code, file, tensor, hint }: Pick<JsonSource, 'code' | 'file' | 'tensor' | 'hint'>,
  summary: string,
  found: string,
  expected: string,
): ContiguaError {
  return new ContiguaError(code, summary, {
    file,
    ...(tensor === undefined ? {} : { tensor }),
    found,
    expected,
    ...(hint === undefined ? {} : { hint }),
  });
}

interface Problem {
  readonly summary: string;
  readonly found: string;
  readonly allowed: string;
}

/** The first thing beyond the limits. Text that is not JSON at all is left to JSON.parse. */
function problemOf(text: string): Problem | null {
  let depth = 0;
  let values = 0;
  let keys = 0;
  let escapeAt = nextEscape(text, 0);
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        if (end < 0) return null;
        if (escapeAt < at) escapeAt = nextEscape(text, at);
        if (escapeAt < end && holdsLoneSurrogate(text.slice(at, end + 1))) {
          return {
            summary: 'A string is not Unicode',
            found: 'half of a surrogate pair',
            allowed: 'whole characters',
          };
        }
        at = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        values++;
        if (depth > MAX_JSON_DEPTH) {
          return {
            summary: 'The JSON is nested too deeply',
            found: `more than ${MAX_JSON_DEPTH} levels`,
            allowed: `at most ${MAX_JSON_DEPTH} levels`,
          };
        }
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
      case COMMA:
        values++;
        break;
      case COLON:
        keys++;
        break;
    }
    if (values > MAX_JSON_VALUES) return tooMany('values', MAX_JSON_VALUES);
    if (keys > MAX_JSON_KEYS) return tooMany('keys', MAX_JSON_KEYS);
  }
  return null;
}

function tooMany(what: string, count: number): Problem {
  const limit = count.toLocaleString('en-US');
  return { summary: `The JSON holds too many ${what}`, found: `more than ${limit}`, allowed: `at most ${limit}` };
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Index of the quote that closes the string opened at `open`, or −1. */
export function endOfString(text: string, open: number): number {
  for (let end = text.indexOf('"', open + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

function nextEscape(text: string, from: number): number {
  const at = text.indexOf('\\u', from);
  return at < 0 ? text.length : at;
}

/** Only an escape can make one: text decoded from UTF-8 has none. */
function holdsLoneSurrogate(token: string): boolean {
  if (!/\\u[dD][89a-fA-F]/.test(token)) return false;
  try {
    return /\p{Surrogate}/u.test(String(JSON.parse(token)));
  } catch {
    return false;
  }
}
