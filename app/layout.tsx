/**
 * The document around the dashboard. The theme comes from a cookie, so the first paint already has it and no inline
 * script is needed; reading the request also makes the page dynamic, which the per-request CSP nonce requires.
 */
import type { Metadata, Viewport } from 'next';
import { cookies } from 'next/headers';
import type { ReactNode } from 'react';
import { THEME_COOKIE, themeOf } from '@/lib/page/browser/theme.ts';
import '@fontsource-variable/inter/index.css';
import './globals.css';

export const metadata: Metadata = {
  title: 'Contigua',
  description:
    'Find the contiguous redundant blocks of a diffusion transformer in the browser, choose what to prune, and take the plan away.',
  applicationName: 'Contigua',
};

export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#f7f7f8' },
    { media: '(prefers-color-scheme: dark)', color: '#0c0d0f' },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = themeOf((await cookies()).get(THEME_COOKIE)?.value);
  return (
    <html lang="en" data-theme={theme === 'system' ? undefined : theme} suppressHydrationWarning>
      <body>{children}</body>
    </html>
  );
}
