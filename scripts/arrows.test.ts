/**
 * The import rules (rooms.mjs, .dependency-cruiser.mjs) on a planted tree: a file of each room imports what it must not, and
 * dependency-cruiser has to name every such import. Packages are empty folders there.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ROOMS } from '../rooms.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = {
  page: [
    'react',
    'react-dom',
    'react/jsx-runtime',
    'next',
    'next/link',
    'd3',
    'd3-array',
    'zustand',
    'zustand/vanilla',
  ],
  node: ['node:fs', 'fs', 'path', 'node:fs/promises'],
  tfjs: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'],
};
const rooms = ROOMS.map(({ room }) => room);
const CORE = rooms.filter((room) => room.startsWith('lib/core/'));
const SERVER = rooms.filter((room) => room.startsWith('lib/server') && room !== 'lib/server/proof');
const COMPUTE = rooms.filter((room) => room.startsWith('lib/compute'));
const PAGE = rooms.filter((room) => /^(lib\/page|components)\//.test(room));
const stages = (...names: string[]) => names.map((name) => `lib/core/${name}/planted-target.ts`);
const OUTSIDE_CORE = [
  'app/page.tsx',
  'components/ui/button.tsx',
  'lib/page/run/run.ts',
  'lib/server/env.ts',
  'lib/compute/protocol.ts',
  'workers/browser.worker.ts',
  'cli/main.ts',
];
const TENSOR_CODE = [
  ...stages('analysis', 'capture', 'sampling'),
  'lib/core/model/index.ts',
  'lib/core/tensor/index.ts',
  'lib/compute/tasks.ts',
  'lib/compute/serve.ts',
];

/** What no file of these rooms may import. */
const REFUSED: readonly (readonly [rule: string, rooms: readonly string[], imports: readonly string[]])[] = [
  ['the core is isomorphic', ['lib/core', ...CORE], [...PACKAGES.page, ...PACKAGES.node, ...OUTSIDE_CORE]],
  [
    'tensors come before everything in the core',
    ['lib/core/tensor'],
    stages(
      'checkpoint',
      'model',
      'capture',
      'analysis',
      'sampling',
      'plan',
      'export',
      'interval',
      'detection',
      'distil',
    ),
  ],
  [
    'checkpoints and folders come next, without tensors',
    ['lib/core/checkpoint', 'lib/core/folder'],
    [...PACKAGES.tfjs, ...stages('model', 'capture', 'analysis', 'sampling', 'plan', 'export', 'detection', 'distil')],
  ],
  [
    'models come before what is measured on them',
    ['lib/core/model'],
    stages('capture', 'analysis', 'sampling', 'plan', 'export', 'detection', 'report', 'distil'),
  ],
  [
    'capturing comes before analysis',
    ['lib/core/capture'],
    stages('analysis', 'sampling', 'plan', 'export', 'detection', 'distil'),
  ],
  ['analysis comes before plans', ['lib/core/analysis'], stages('plan', 'export', 'sampling', 'distil')],
  [
    'sampling knows models alone',
    ['lib/core/sampling'],
    stages('analysis', 'capture', 'plan', 'export', 'detection', 'distil'),
  ],
  [
    'reports, choices, plans, runs and exports hold no tensors',
    ['report', 'detection', 'interval', 'edit', 'plan', 'run', 'export', 'shapes'].map((name) => `lib/core/${name}`),
    [
      ...PACKAGES.tfjs,
      'lib/core/model/index.ts',
      'lib/core/model/transformer.ts',
      'lib/core/tensor/index.ts',
      ...stages('capture', 'analysis', 'sampling', 'distil'),
    ],
  ],
  [
    'the server computes nothing and knows neither page nor terminal',
    SERVER,
    [
      ...PACKAGES.tfjs,
      ...PACKAGES.page,
      'lib/core/tensor/index.ts',
      'lib/core/model/index.ts',
      ...stages('distil'),
      'app/page.tsx',
      'components/ui/button.tsx',
      'lib/page/run/run.ts',
      'cli/main.ts',
    ],
  ],
  [
    'the page holds no TensorFlow.js',
    ['app', ...PAGE],
    [...PACKAGES.tfjs, ...TENSOR_CODE, 'cli/main.ts', 'lib/server/create-backend.ts'],
  ],
  [
    'compute workers know neither page nor server nor terminal',
    [...COMPUTE, 'workers'],
    [
      ...PACKAGES.page,
      'components/ui/button.tsx',
      'app/page.tsx',
      'lib/page/run/run.ts',
      'lib/server/env.ts',
      'cli/main.ts',
    ],
  ],
  [
    'the terminal knows no page',
    ['cli'],
    [...PACKAGES.page, 'components/ui/button.tsx', 'app/page.tsx', 'lib/page/run/run.ts'],
  ],
  [
    'nothing imports an entry',
    rooms,
    ['workers/browser.worker.ts', 'app/page.tsx', 'bin/contigua.mjs', 'bench/page.ts'],
  ],
];

/** What they may import: the rules refuse no more than they say. */
const ALLOWED: readonly (readonly [from: string, imports: readonly string[]])[] = [
  ['lib/core/distil/allowed.ts', ['@tensorflow/tfjs-core', 'lib/core/errors.ts', ...stages('analysis', 'run')]],
  ['lib/core/plan/allowed.ts', ['zod', 'lib/core/model/config-index.ts', ...stages('detection')]],
  ['lib/compute/allowed.ts', ['node:fs', 'lib/core/model/index.ts', ...stages('distil')]],
  ['lib/server/database/allowed.ts', ['node:fs', 'pg', 'lib/server/env.ts']],
  ['lib/page/explorer/allowed.ts', ['zustand', '@/lib/core/errors.ts', 'lib/compute/protocol.ts']],
  ['components/run/allowed.tsx', ['react', '@/lib/page/run/run.ts']],
  [
    'lib/core/plan/allowed.test.ts',
    ['node:fs', 'react', 'lib/server/env.ts', 'lib/server/testing.ts', 'lib/core/distil/planted-target.ts'],
  ],
];

/** Forms of an import, in turn, so that each of them is seen in every kind of room. */
const FORMS = [
  (name: string) => `import '${name}';`,
  (name: string) => `import type { x } from '${name}';`,
  (name: string) => `export * from '${name}';`,
  (name: string, at: number) => `export async function load${at}() {\n  return await import('${name}');\n}`,
];
/** As in any component: what dependency-cruiser's parser must understand. */
const JSX = 'export const element = <p title="x">{[1].map((n) => <b key={n}>{n}</b>)}</p>;';

const files = new Map<string, string>();

/** `form`: one of FORMS for every import; without it, each import has another. */
function plant(path: string, imports: readonly string[], form?: number): void {
  const lines = imports.map((name, at) => FORMS[(form ?? at) % FORMS.length]?.(specifier(path, name), at));
  files.set(path, [...lines, ...(path.endsWith('.tsx') ? [JSX] : []), 'export {};', ''].join('\n'));
}

function specifier(from: string, name: string): string {
  if (!/^(app|bench|bin|cli|components|lib|workers)\//.test(name)) return name;
  if (!files.has(name)) files.set(name, 'export {};\n');
  const path = relative(dirname(from), name);
  return path.startsWith('.') ? path : `./${path}`;
}

/** The file of a room that holds what it must not import. */
function plantedIn(room: string): string {
  if (/\.m?[jt]s$/.test(room)) return room.replace(/\{(.*?),.*\}/, '$1');
  return `${room}/planted.${room.startsWith('components') ? 'tsx' : 'ts'}`;
}
const refusedBy = (imports: readonly string[], room: string) => imports.filter((name) => !name.startsWith(`${room}/`));

for (const room of rooms) {
  const imports = REFUSED.filter(([, of]) => of.includes(room)).flatMap(([, , names]) => refusedBy(names, room));
  plant(plantedIn(room), [...new Set(imports)]);
}
for (const [path, imports] of ALLOWED) plant(path, imports);
plant('lib/core/circle-a.ts', ['lib/core/circle-b.ts'], 1);
plant('lib/core/circle-b.ts', ['lib/core/circle-a.ts'], 1);
plant('lib/core/late-a.ts', ['lib/core/late-b.ts'], 3);
plant('lib/core/late-b.ts', ['lib/core/late-a.ts']);
plant('lib/core/nobody.ts', []);
plant('lib/core/nobody.test.ts', ['lib/core/nobody.ts']);
plant('lib/core/lost.ts', ['lib/core/somewhere.ts']);
files.delete('lib/core/somewhere.ts');
plant('lib/core/helped.ts', ['lib/core/checkpoint/testing.ts']);
plant('lib/attic/box.ts', ['lib/core/errors.ts']);

const Report = z.object({
  output: z.unknown().optional(),
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});
/** A few seconds, on a machine that does nothing else. */
const HOOK_MS = 180_000;
let folder: string;
let violations: z.infer<typeof Report>['summary']['violations'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-arrows-'));
  const packages = [...PACKAGES.page, ...PACKAGES.tfjs, 'zod', 'pg'];
  for (const name of packages) {
    files.set(`node_modules/${name}/index.js`, 'export {};\n');
    files.set(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
  }
  files.set(
    'package.json',
    JSON.stringify({ dependencies: Object.fromEntries(packages.map((name) => [name, '1.0.0'])) }),
  );
  files.set('tsconfig.json', await readFile(join(ROOT, 'tsconfig.json'), 'utf8'));
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const cruise = 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs';
  const output = await run(cruise, ['--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', 'json', '.']);
  violations = Report.parse(JSON.parse(output)).summary.violations;
}, HOOK_MS);
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** In the planted tree. The status is no failure: it says that the rules were broken. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) =>
    execFile(
      process.execPath,
      [join(ROOT, program), ...args],
      { cwd: folder, maxBuffer: 2 ** 28 },
      (error, stdout, stderr) => (stdout === '' ? reject(new Error(stderr, { cause: error })) : resolve(stdout)),
    ),
  );
}

const named = (rule: string) => violations.filter((one) => one.rule.name === rule);
const refusedIn = (path: string) =>
  violations.filter(({ from, rule }) => from === path && !['unused file', 'circle'].includes(rule.name));

describe('the arrows between rooms', () => {
  it.each(REFUSED)('refuse an import where %s', (_, of, imports) => {
    for (const room of of) {
      const path = plantedIn(room);
      const refused = new Set(refusedIn(path).map(({ to }) => to.replace(/^node_modules\/(.*)\/index\.js$/, '$1')));
      const passed = refusedBy(imports, room).filter(
        (name) => name !== path && !refused.has(name.replace(/^node:/, '')),
      );
      expect({ room, passed }).toEqual({ room, passed: [] });
    }
  });

  it.each(ALLOWED)('refuse nothing in %s', (path) => {
    expect(refusedIn(path)).toEqual([]);
  });

  it('run down only: a row names no row below it, and nothing that has no row', () => {
    const above: string[] = [];
    const wrong: string[] = [];
    for (const { room, may } of ROOMS) {
      for (const word of may) {
        if (/^(npm|node):|^lib\/testing/.test(word)) continue;
        const inside = (one: string) =>
          one === word || one.startsWith(word.replace(/\*$/, '')) || word.startsWith(`${one}/`);
        const braced = (one: string) =>
          /\{(.*)\}/
            .exec(one)?.[1]
            ?.split(',')
            .some((name) => one.replace(/\{.*\}/, name) === word);
        if (!above.some((one) => inside(one) || braced(one))) wrong.push(`${room} → ${word}`);
      }
      above.push(room);
    }
    expect(wrong).toEqual([]);
  });
});

describe('the table of rooms', () => {
  it('has the rooms that docs/architecture.md describes, in the same order', async () => {
    const page = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8');
    const described = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, room]) => room);
    expect(described.slice(0, rooms.length)).toEqual(rooms);
  });

  it('names every package of package.json in docs/architecture.md', async () => {
    const page = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8');
    const { dependencies, devDependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')));
    const table = page.slice(page.indexOf('## Dependencies'));
    const short = (name: string) => name.replace('@tensorflow/tfjs-backend', '-backend');
    const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
      (name) => !name.startsWith('@types/') && !table.includes(`\`${short(name)}\``),
    );
    expect(missing).toEqual([]);
  });
});

describe('the other import rules', () => {
  it('refuse a circle, also of types, but for one that an import() closes', () => {
    const circles = named('circle')
      .map(({ from, to }) => [from, to].sort().join(' '))
      .sort();
    expect([...new Set(circles)]).toEqual(['lib/core/circle-a.ts lib/core/circle-b.ts']);
  });

  it('refuse a file that tests alone import, unless it is a helper of tests', () => {
    const unused = named('unused file').map(({ from }) => from);
    expect(unused).toContain('lib/core/nobody.ts');
    expect(unused).not.toContain('lib/server/testing.ts');
    expect(unused).not.toContain('workers/browser.worker.ts');
  });

  it('refuse a helper of tests in what is no test', () => {
    const helped = named('only tests import what is made for tests').map(({ from }) => from);
    expect(helped).toEqual(['lib/core/helped.ts']);
  });

  it('refuse an import that leads nowhere', () => {
    expect(named('an import that leads nowhere').map(({ from }) => from)).toEqual(['lib/core/lost.ts']);
  });

  it('refuse a folder without a row', () => {
    expect(named('a file outside every room').map(({ from }) => from)).toEqual(['lib/attic/box.ts']);
  });
});

describe('the lint of lib/core', () => {
  it.each([
    ['the alias', `import { ContiguaError } from '@/lib/core/errors.ts';\nthrow new ContiguaError('internal', 'no');`],
    ['fetch', `export const page = await fetch('x');`],
    ['the document', `export const title = document.title;`],
    ['the process', `export const home = process.env.HOME;`],
  ])('refuses %s', async (_, text) => {
    await copyFile(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    const path = 'lib/core/plan/host-api.ts';
    await writeFile(join(folder, path), `${text}\n`);
    const biome = 'node_modules/@biomejs/biome/bin/biome';
    const said = await run(biome, ['lint', '--vcs-enabled=false', '--reporter=github', path]);
    expect(said).toMatch(/title=lint\/style\/noRestricted(Imports|Globals),.*lib\/core\/plan\/host-api\.ts/);
  });
});
