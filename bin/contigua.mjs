#!/usr/bin/env node
/** `contigua`: the terminal twin of the page. It is compiled when it first runs, and again when a source has changed. */
import { importCompiled } from '../scripts/compiled.mjs';

const { main } = await importCompiled('contigua');
await main(process.argv.slice(2));
