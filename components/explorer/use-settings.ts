'use client';
/**
 * Settings as charts, tables and their words read them: those that redraw most of the page are taken in a transition. Controls follow
 * `settingsStore` itself (setting-controls.tsx), so that they answer at once.
 */
import { type Settings, settingsStore } from '@/lib/page/explorer/settings.ts';
import { useSliced } from './use-sliced';

const LARGE = ['detection', 'score', 'colours', 'scale', 'differences', 'noise'] as const satisfies (keyof Settings)[];

const isLarge = (state: Settings, before: Settings): boolean => LARGE.some((name) => state[name] !== before[name]);

export const useSetting = <K extends keyof Settings>(name: K): Settings[K] =>
  useSliced(settingsStore, (state) => state[name], isLarge);
