'use client';
/** Controls of one setting. They follow the store, while what they change may follow in a transition (use-settings.ts). */
import { useStore } from 'zustand';
import { Choice, type ChoiceProps } from '@/components/ui/choice';
import { Select, type SelectProps } from '@/components/ui/select';
import { type Settings, settingsStore } from '@/lib/page/explorer/settings.ts';

interface Of<T> {
  readonly of: (settings: Settings) => T;
}

export function SettingChoice<T extends string>({ of, ...choice }: Of<T> & Omit<ChoiceProps<T>, 'value'>) {
  return <Choice {...choice} value={useStore(settingsStore, of)} />;
}

export function SettingSelect<T extends string>({ of, ...select }: Of<T> & Omit<SelectProps<T>, 'value'>) {
  return <Select {...select} value={useStore(settingsStore, of)} />;
}
