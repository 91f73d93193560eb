/**
 * A model in a repository of Hugging Face. The well-kept client (@huggingface/hub) resolves the revision to its commit and
 * lists the files; their bytes are read here, by range, with the retries and pages of every other server, so that nothing
 * changes while a model is read and a listing is all that opening costs. Files stored with Xet are read through the hub's
 * plain addresses, which the hub keeps for clients that know HTTP alone.
 */
import type { NamedBlob } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { type HubAddress, isCommit } from '../../core/folder/model-address.ts';
import { fileKindOf } from '../../core/folder/model-files.ts';
import { isRecord } from '../../core/is-record.ts';
import { openHttpBlob } from './http-blob.ts';
import type { HttpHost } from './http-exchange.ts';
import { fetchWhole } from './http-whole.ts';
import type { PageStore } from './page-store.ts';

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | null;
}

export interface HubFiles {
  /** The same address with the commit that its revision means now. */
  pin(address: HubAddress): Promise<HubAddress>;
  /** The files in a folder and in its folders, or one file of weights with the config.json beside it. */
  openFolder(address: HubAddress): Promise<readonly NamedBlob[]>;
  openFile(address: HubAddress, path: string): Promise<NamedBlob>;
}

/** transformer/ and its siblings lie one level down; nothing of interest lies deeper. */
const MAX_DEPTH = 2;
const MAX_FILES = 10_000;
/** A page of a listing has a thousand files. */
const MAX_ANSWER_BYTES = 2 ** 24;
const CONFIG = 'config.json';

interface Listed {
  readonly path: string;
  readonly sizeBytes: number;
}

export function hubFiles(settings: HubSettings, host: HttpHost & { readonly pages?: PageStore }): HubFiles {
  const { endpoint, token } = settings;
  const authorization: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` };
  const { origin } = new URL(endpoint);

  /** The client's requests, with the token for the hub alone. */
  function clientFetch(repo: string): typeof fetch {
    return async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      const headers = new Headers(init?.headers);
      const own = new URL(url).origin === origin ? authorization : {};
      for (const [name, value] of Object.entries(own)) headers.set(name, value);
      return await fetchWhole(host, repo, url, { ...init, headers }, MAX_ANSWER_BYTES);
    };
  }

  async function asked<T>({ repo, revision }: HubAddress, call: (client: Client) => Promise<T>): Promise<T> {
    const client = await import('@huggingface/hub');
    try {
      return await call(client);
    } catch (thrown) {
      if (thrown instanceof ContiguaError) throw thrown;
      if (thrown instanceof client.HubApiError) throw refused(thrown, `hf:${repo}@${revision}`, token !== null);
      throw unreadable(repo, thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  async function pin(address: HubAddress): Promise<HubAddress> {
    const { repo, revision } = address;
    if (isCommit(revision)) return address;
    const { sha } = await asked(address, ({ modelInfo }) =>
      modelInfo({ name: repo, revision, additionalFields: ['sha'], hubUrl: endpoint, fetch: clientFetch(repo) }),
    );
    if (typeof sha === 'string' && isCommit(sha)) return { ...address, revision: sha };
    throw unreadable(repo, `the commit ${JSON.stringify(sha)}`);
  }

  async function listed(address: HubAddress, folder: string, recursive: boolean): Promise<readonly Listed[]> {
    const { repo, revision } = address;
    return await asked(address, async ({ listFiles }) => {
      const files: Listed[] = [];
      let entries = 0;
      const path = folder.split('/').map(encodeURIComponent).join('/');
      const asking = { repo, revision, path, recursive, hubUrl: endpoint, fetch: clientFetch(repo) };
      for await (const entry of listFiles(asking)) {
        if (++entries > MAX_FILES) {
          throw new ContiguaError('checkpoint-unsupported', 'The repository has too many files', {
            file: `hf:${repo}`,
            expected: `at most ${MAX_FILES.toLocaleString('en-US')}`,
            hint: 'Name the folder of the model in it, as in hf:OWNER/NAME/transformer.',
          });
        }
        if (!isRecord(entry) || entry.type === 'directory') continue;
        const sizeBytes = entry.lfs?.size ?? entry.size;
        if (typeof entry.path !== 'string' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
          throw unreadable(repo, `the entry ${JSON.stringify(entry)?.slice(0, 100)}`);
        }
        files.push({ path: entry.path, sizeBytes });
      }
      return files;
    });
  }

  async function open(
    { repo, revision }: HubAddress,
    { path, sizeBytes }: Listed,
    shownAs: string,
  ): Promise<NamedBlob> {
    const inside = path.split('/').map(encodeURIComponent).join('/');
    const blob = await openHttpBlob({
      url: `${endpoint}/${repo}/resolve/${revision}/${inside}`,
      path: shownAs,
      host,
      headers: authorization,
      sizeBytes,
      refusedHint: token === null ? HINT_TOKEN : HINT_TERMS,
    });
    if (!blob) throw absent(`hf:${repo}/${path}`);
    return { path: shownAs, blob };
  }

  return {
    pin,
    async openFolder(given) {
      const { path } = given;
      const kind = fileKindOf(path);
      const isFile = kind !== null;
      const address = await pin(given);
      const folder = isFile ? path.slice(0, Math.max(path.lastIndexOf('/'), 0)) : path;
      const start = folder === '' ? '' : `${folder}/`;
      const files = (await listed(address, folder, !isFile)).filter(
        (file) => file.path.startsWith(start) && file.path.slice(start.length).split('/').length <= MAX_DEPTH,
      );
      const isWanted = (file: Listed) =>
        file.path === path || (kind === 'weights' && file.path === `${start}${CONFIG}`);
      const chosen = isFile ? files.filter(isWanted) : files;
      if (isFile && !chosen.some((file) => file.path === path)) throw absent(`hf:${address.repo}/${path}`);
      return await Promise.all(chosen.map((file) => open(address, file, file.path.slice(start.length))));
    },
    async openFile(given, shownAs) {
      const address = await pin(given);
      const { path } = address;
      const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
      const file = (await listed(address, folder, false)).find((one) => one.path === path);
      if (!file) throw absent(`hf:${address.repo}/${path}`);
      return await open(address, file, shownAs);
    },
  };
}

type Client = typeof import('@huggingface/hub');

const HINT_TOKEN =
  'Check the name. For a private repository, or one whose terms have to be accepted, put an access token in HF_TOKEN.';
const HINT_TERMS =
  'Check that the account of HF_TOKEN may read it, and that it has accepted the terms on the page of the repository.';

/** The hub answers 401 for what it does not want to say exists. */
function refused({ statusCode, message }: { statusCode: number; message: string }, file: string, hasToken: boolean) {
  const found = `${statusCode}: ${message}`;
  if (statusCode === 401 || statusCode === 403) {
    return new ContiguaError('source-refused', 'The hub has no such repository, or does not give it', {
      file,
      found,
      hint: hasToken ? HINT_TERMS : HINT_TOKEN,
    });
  }
  return new ContiguaError('checkpoint-incomplete', 'The hub has no such repository, revision or folder', {
    file,
    found,
    hint: 'Check the address: hf:OWNER/NAME[@REVISION][/PATH].',
  });
}

function absent(file: string): ContiguaError {
  return new ContiguaError('checkpoint-incomplete', 'The repository has no such file', { file });
}

function unreadable(repo: string, found: string): ContiguaError {
  return new ContiguaError('source-unreachable', 'The answer of the hub cannot be read', {
    file: `hf:${repo}`,
    found,
    hint: 'Check HF_ENDPOINT, and that no proxy answers in its place.',
  });
}
