import type { FamilyName } from '../family.ts';

export const qwenImageName: FamilyName = { name: 'qwen-image', label: 'Qwen-Image' };
