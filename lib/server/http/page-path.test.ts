import { expect, it } from 'vitest';
import { pagePath } from './page-path.ts';

it.each([
  ['/', '/'],
  ['/runs', '/runs'],
  ['/runs/7', '/runs/7'],
  ['/runs/7?compare=8', '/runs/7?compare=8'],
  ['/?cut=3-5&view=cka', '/?cut=3-5&view=cka'],
  ['/runs/7?token=secret&compare=8', '/runs/7?compare=8'],
  ['/runs/7#there', '/runs/7'],
  ['/./runs/../runs', '/runs'],
  ['/\truns', '/runs'],
  ['runs', '/runs'],
  ['', '/'],
  ['?a=1', '/?a=1'],
  [`/?a="><script>'`, '/?a=%22%3E%3Cscript%3E%27'],
  ['/?to=//evil.example', '/?to=%2F%2Fevil.example'],
])('leads to the page %j', (to, led) => {
  const normal = new URL(pagePath(to), 'http://localhost:3000');
  expect([normal.pathname, [...normal.searchParams]]).toEqual([
    new URL(led, 'http://localhost:3000').pathname,
    [...new URL(led, 'http://localhost:3000').searchParams],
  ]);
  expect(pagePath(to)).not.toMatch(/["'<>\s]/);
});

it.each([
  null,
  '//evil.example',
  '///evil.example',
  '////evil.example',
  '/.//evil.example',
  '/././/evil.example',
  '/..//evil.example',
  '/x/..//evil.example',
  '/runs/..//evil.example',
  '/%2e//evil.example',
  '/%2e%2e//evil.example',
  '/.%2f/evil.example',
  '/%2f/evil.example',
  '/%2fevil.example',
  '/%5cevil.example',
  '/\\evil.example',
  '\\/evil.example',
  '\\\\evil.example',
  '/\\/evil.example',
  '/.\\/evil.example',
  '/.\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/\r/evil.example',
  '/.\t//evil.example',
  '\t//evil.example',
  ' //evil.example',
  '\u0000//evil.example',
  '/\u0000/evil.example',
  '//evil.example/runs',
  '//evil.example:80/runs/7',
  '//user@evil.example/runs',
  '//contigua.invalid@evil.example/runs',
  'http://evil.example/runs',
  'HTTP://evil.example/runs',
  'https:evil.example',
  'http:/evil.example',
  'http:evil.example/runs',
  'http:\\\\evil.example',
  'http://contigua.invalid:81/runs',
  'http://a:b@contigua.invalid/runs',
  'https://contigua.invalid/runs',
  'javascript:alert(1)',
  'java\nscript:alert(1)',
  ' javascript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'blob:http://contigua.invalid/x',
  '/api/login',
  '/api/files/runs/7/model.zip',
  '/_next/image?url=/x',
  '/runs/',
  '/runs//7',
  '/runs/7/8',
  '/runs/../api/login',
  '/runs/%2e%2e/api',
  '/runs/a%2f%2fb',
  '/runs/-7',
  `/runs/${'x'.repeat(65)}`,
  '/Runs',
  '/runs;x',
  '/runs@evil.example',
  'http://[',
  'http://%',
])('leads %j home', (to) => {
  expect(pagePath(to)).toBe('/');
});

it('leaves away a query that no page needs', () => {
  expect(pagePath(`/runs?a=${'x'.repeat(5000)}`)).toBe('/runs');
});
