#!/usr/bin/env node
/** `contigua`: the terminal twin of the page. The product is TypeScript throughout; tsx runs it as it lies. */
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../cli/main.ts');
await main(process.argv.slice(2));
