/**
 * Finds a Chromium for the tests, or installs one: $CHROMIUM, a browser on the PATH, Playwright's own, else Debian's
 * package as root, else Playwright's download. Returns the path of the executable.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from '@playwright/test';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function find() {
  const asked = process.env.CHROMIUM;
  if (asked) {
    if (existsSync(asked)) return asked;
    throw new Error(`CHROMIUM names ${asked}, which does not exist`);
  }
  const onPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return [...onPath, chromium.executablePath()].find((path) => path && existsSync(path));
}

function install() {
  const steps =
    process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
      ? [
          ['apt-get', 'update', '-qq'],
          ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium'],
        ]
      : [[process.execPath, join('node_modules', 'playwright', 'cli.js'), 'install', 'chromium']];
  for (const [command, ...args] of steps) {
    console.error(`Installing Chromium: ${command} ${args.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    if (status !== 0) throw new Error(`${command} failed; install Chromium yourself and set CHROMIUM to its path`);
  }
}

export function ensureChromium() {
  const found = find();
  if (found) return found;
  install();
  const installed = find();
  if (!installed) throw new Error('Chromium was installed but not found; set CHROMIUM to its path');
  return installed;
}
