/**
 * Where a login may lead: a page of this product, and nothing else. What a browser makes of a text is asked of the URL
 * parser first, and the result is judged: `/.//evil.example` has the path `//evil.example`, which is another host's.
 */
const ORIGIN = 'http://contigua.invalid';
const PAGES = /^\/(runs(\/[A-Za-z0-9][A-Za-z0-9_-]{0,63})?)?$/;
const MAX_QUERY = 4000;

/** Path and query of one of the pages, without a token; `/` for everything else. */
export function pagePath(to: string | null): string {
  const url = to === null || !URL.canParse(to, ORIGIN) ? null : new URL(to, ORIGIN);
  if (url?.origin !== ORIGIN || url.username !== '' || url.password !== '' || !PAGES.test(url.pathname)) return '/';
  url.searchParams.delete('token');
  return url.search.length > MAX_QUERY ? url.pathname : `${url.pathname}${url.search}`;
}
