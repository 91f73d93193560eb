'use client';
/** System → light → dark → system; the name says what is on and what comes next. */
import { useEffect, useState } from 'react';
import { IconButton } from '@/components/ui/button';
import { MoonIcon, SunIcon, SystemIcon } from '@/components/ui/icons';
import { applyTheme, currentTheme, THEMES, type Theme } from '@/lib/page/browser/theme.ts';

const ICONS = { system: SystemIcon, light: SunIcon, dark: MoonIcon };

export function ThemeButton() {
  const [theme, setTheme] = useState<Theme>('system');
  useEffect(() => setTheme(currentTheme()), []);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  const Icon = ICONS[theme];
  return (
    <IconButton
      name={`Theme: ${theme}; switch to ${next}`}
      onClick={() => {
        applyTheme(next);
        setTheme(next);
      }}
    >
      <Icon />
    </IconButton>
  );
}
