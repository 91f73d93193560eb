'use client';
/** The choice of plugged students on this run's page. */
import { useStore } from 'zustand';
import type { PluggedChoice } from '@/lib/page/run/plugged.ts';
import { useRunPage } from './run-context';

export function usePlugged(): PluggedChoice {
  return useStore(useRunPage().plugged);
}
