/**
 * dependency-cruiser's rules: one for each row of rooms.mjs, and those that no row can say. Imports of types count as much
 * as others (also in circles), `import()` too; what is started by its path (a worker, a process) is no import.
 */
import swc from '@swc/core';
import { ROOMS } from './rooms.mjs';

// dependency-cruiser 17 parses TSX as TypeScript without JSX. Its version 18 does not, but needs Node 22. TypeScript's own
// parser, which it would use otherwise, has had no JavaScript interface since version 7.
const { parseFileSync } = swc;
swc.parseFileSync = (path, options) => parseFileSync(path, { ...options, tsx: path.endsWith('.tsx') });

const TEST = ['\\.(test|e2e)\\.tsx?$', '^e2e/', '^lib/testing/'];
/** Not tests themselves, and used by tests alone. */
const TEST_HELPER = [
  '/(damage-|float64-)?testing\\.ts$',
  '/test-engines\\.ts$',
  'fixtures\\.ts$',
  '^lib/core/distil/goldens/',
  '^lib/core/plan/json-schema\\.ts$',
];
/** Started by a path or by a tool, so that no import leads to them. */
const ENTRY = [
  '^(app|bin|scripts|workers|bench|tools|lib/server/proof)/',
  '^[^/]+$',
  '\\.d\\.m?ts$',
  '^(cli|study|lib/server/jobs)/main\\.ts$',
  '^lib/server/(host|http/guard-next|jobs/health)\\.ts$',
];

const escaped = (text) => text.replace(/[.+^$()[\]\\]/g, '\\$&');

/** The files of a room, or of a word of a row, as a regular expression. */
function filesOf(word) {
  if (word.startsWith('npm:')) {
    const name = escaped(word.slice('npm:'.length));
    return `^node_modules/(@types/)?${name.endsWith('/*') ? name.slice(0, -1) : `${name}/`}`;
  }
  if (word.endsWith('/*')) return `^${escaped(word.slice(0, -1))}`;
  if (/\.m?[jt]s$/.test(word)) {
    return `^${escaped(word).replace(/\{(.*)\}/, (_, names) => `(${names.replaceAll(',', '|')})`)}$`;
  }
  const folder = `${escaped(word)}/`;
  const others = ROOMS.filter(({ room }) => room.startsWith(`${word}/`)).map(({ room }) =>
    filesOf(room).slice(folder.length + 1),
  );
  return `^${folder}${others.length > 0 ? `(?!${others.join('|')})` : ''}`;
}

const arrows = ROOMS.map(({ room, may }) => ({
  name: `${room} may not import this`,
  comment: `rooms.mjs allows ${room}: ${may.join(', ') || 'nothing but itself'}.`,
  severity: 'error',
  from: { path: filesOf(room), pathNot: [...TEST, ...TEST_HELPER] },
  to: {
    couldNotResolve: false,
    pathNot: [filesOf(room), ...may.filter((word) => word !== 'node:').map(filesOf)],
    ...(may.includes('node:') ? { dependencyTypesNot: ['core'] } : {}),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: 'a file outside every room',
      comment: 'Give its folder a row in rooms.mjs, and a line in docs/architecture.md.',
      severity: 'error',
      from: {
        path: '^(app|bench|bin|cli|components|lib|scripts|study|tools|workers)/|^[^/]+\\.(ts|mjs)$',
        pathNot: [
          ...ROOMS.map(({ room }) => filesOf(room)),
          ...TEST,
          '^(vitest\\.config|next-env\\.d)\\.ts$',
          '^(\\.dependency-cruiser|rooms|postcss\\.config)\\.mjs$',
        ],
      },
      to: {},
    },
    {
      name: 'only tests import what is made for tests',
      severity: 'error',
      from: { pathNot: [...TEST, ...TEST_HELPER, '^(bench|lib/server/proof)/', '^node_modules/'] },
      to: { path: [...TEST, ...TEST_HELPER] },
    },
    {
      name: 'circle',
      comment:
        'These files need each other. Move what both use into a third file. Only an import() may close a circle.',
      severity: 'error',
      from: { pathNot: ['^node_modules/'] },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'unused file',
      comment: 'Nothing but tests imports it: delete it, or name it among the entries in .dependency-cruiser.mjs.',
      severity: 'error',
      from: { pathNot: [...TEST, ...TEST_HELPER] },
      module: {
        path: '\\.(ts|tsx|mjs)$',
        pathNot: [...ENTRY, ...TEST, ...TEST_HELPER, '^node_modules/'],
        numberOfDependentsLessThan: 1,
      },
    },
    {
      name: 'an import that leads nowhere',
      severity: 'error',
      // What it requires lies in a copy of tfjs-node, which is found at run time.
      from: { pathNot: '^lib/compute/engines/tensorflow\\.ts$' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: '^node_modules/' },
    exclude: { path: '^(lib/testing/v1/generate|\\.[^./]+|dist|public|training|test-results|playwright-report)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.d.ts'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
