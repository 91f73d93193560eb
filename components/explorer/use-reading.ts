'use client';
/** Why nothing is detected in what the charts show, or what to keep in mind, as every chart says it. */
import { useMemo } from 'react';
import { readingWords } from '@/lib/page/explorer/reading.ts';
import { useNoiseReading } from './use-noise';

export function useReading(): string | null {
  const here = useNoiseReading();
  return useMemo(() => here && readingWords(here.report, here.settings), [here]);
}
