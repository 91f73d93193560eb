/**
 * Where a model is, as people write it: a path on this machine, an http(s) address, or a repository of Hugging Face as
 * `hf:OWNER/NAME[@REVISION][/PATH]`. The address of a page of huggingface.co is read as the repository that it shows. Pure.
 */
import { WEIGHT_EXTENSIONS } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { nameInPath } from './model-name.ts';

export interface HubAddress {
  readonly kind: 'hub';
  /** "Qwen/Qwen-Image" */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Folder or file inside; empty for the whole repository. */
  readonly path: string;
}

export type ModelAddress = HubAddress | { readonly kind: 'http'; readonly url: string } | { readonly kind: 'path' };

const HUB_FORM = 'hf:OWNER/NAME[@REVISION][/PATH]';
const HUB_PAGE = /^https:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([^?#]*)/;
/** A revision has slashes only as one of these, or percent-encoded. */
const REVISION = /^(refs\/[^/]+\/[^/]+|[^/]+)(?:\/(.*))?$/s;
export const MAIN = 'main';

/** Throws `usage` for an address that means nothing. Every other text is a path. */
export function parseModelAddress(text: string): ModelAddress {
  if (text.startsWith('hf:')) return hubAddress(text);
  const page = HUB_PAGE.exec(text)?.[1];
  if (page !== undefined) return pageAddress(page, text);
  if (!/^https?:\/\//i.test(text)) return { kind: 'path' };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.username !== '' || url.password !== '') {
    throw new ContiguaError('usage', 'This address cannot be opened', {
      found: url ? 'a name or a password in it' : text,
      expected: 'https://HOST/PATH, of a model folder or of one file of weights',
    });
  }
  return { kind: 'http', url: text };
}

export function formatHubAddress({ repo, revision, path }: HubAddress): string {
  const inside = path === '' ? '' : `/${path}`;
  return `hf:${repo}@${/^refs\/[^/]+\/[^/]+$/.test(revision) ? revision : encodeURIComponent(revision)}${inside}`;
}

/** A commit: what it holds never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** What to call the model there. Nothing of a query, which may hold a secret. */
export function nameOfAddress(address: Exclude<ModelAddress, { kind: 'path' }>): string {
  if (address.kind === 'hub') {
    const isFile = WEIGHT_EXTENSIONS.some((extension) => address.path.endsWith(extension));
    return (isFile ? nameInPath(address.path.slice(address.path.lastIndexOf('/') + 1)) : null) ?? address.repo;
  }
  const { hostname, pathname } = new URL(address.url);
  return nameInPath(pathname) ?? hostname;
}

function hubAddress(text: string): HubAddress {
  const [, owner, name, rest = ''] = /^hf:([\w.-]+)\/([\w.-]+)(?:(?=[@/])(.*))?$/s.exec(text) ?? [];
  if (owner === undefined || name === undefined) throw notHub(text);
  if (!rest.startsWith('@')) return checked({ repo: `${owner}/${name}`, revision: MAIN, path: rest.slice(1) }, text);
  const [, revision, path = ''] = REVISION.exec(rest.slice(1)) ?? [];
  return checked({ repo: `${owner}/${name}`, revision: decoded(revision ?? '', text), path }, text);
}

/** huggingface.co/OWNER/NAME, …/tree/REVISION/PATH, …/blob/… and …/resolve/… */
function pageAddress(page: string, text: string): HubAddress {
  const [, repo, rest] = /^([\w.-]+\/[\w.-]+)(?:\/(?:tree|blob|resolve)\/(.+?))?\/*$/s.exec(page) ?? [];
  if (repo === undefined) throw notHub(text);
  const [, revision = MAIN, path = ''] = REVISION.exec(rest ?? '') ?? [];
  return checked({ repo, revision: decoded(revision, text), path: decoded(path, text) }, text);
}

function checked({ repo, revision, path }: Omit<HubAddress, 'kind'>, text: string): HubAddress {
  const inside = path.replace(/\/+$/, '');
  const parts = [...repo.split('/'), ...revision.split('/'), ...(inside === '' ? [] : inside.split('/'))];
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw notHub(text);
  return { kind: 'hub', repo, revision, path: inside };
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notHub(text);
  }
}

function notHub(text: string): ContiguaError {
  return new ContiguaError('usage', 'This is not the address of a repository of Hugging Face', {
    found: text,
    expected: `${HUB_FORM}, as in hf:Qwen/Qwen-Image@main/transformer`,
  });
}
