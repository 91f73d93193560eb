/**
 * A diffusers transformer `config.json`, parsed: which family it is and the numbers that fix its shapes. Unknown keys
 * are tolerated and kept in `raw`, so that exports lose nothing; variants whose arithmetic differs are refused by name.
 * No tensor code, so that the page and the planner can import it (through config-index.ts).
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import type { ModelConfig } from './architecture.ts';
import { FAMILIES, familyOfClass } from './families.ts';

export function parseModelConfig(text: string, file: string): ModelConfig {
  const raw = parseJson(text, {
    file,
    code: 'config-invalid',
    notJson: 'Not JSON',
    expected: "a diffusers transformer's config.json",
    hint: 'Pick the `transformer` folder of a diffusers model.',
    maxBytes: MAX_JSON_BYTES.config,
  });
  if (!isRecord(raw)) {
    throw new ContiguaError('config-invalid', 'Not a JSON object', { file, found: kindOf(raw), expected: 'an object' });
  }
  const className = raw._class_name;
  const family = typeof className === 'string' ? familyOfClass(className) : undefined;
  if (typeof className !== 'string' || family === undefined) {
    throw new ContiguaError('checkpoint-unsupported', 'Unknown model class in `_class_name`', {
      file,
      found: className === undefined ? 'no `_class_name`' : JSON.stringify(className),
      expected: FAMILIES.flatMap(({ classNames }) => classNames).join(' or '),
      hint: `Pick the \`transformer\` folder of a model in diffusers format: ${FAMILIES.map(({ label }) => label).join(', ')}.`,
    });
  }
  return family.parse(raw, className, file);
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
