/**
 * The rooms of the house and the arrows between them: each row is a room and what it may import. `npm run lint` refuses
 * every other import (.dependency-cruiser.mjs turns the rows into rules); nothing else says who may import whom.
 *
 * A room is a folder without those subfolders that have a row of their own, or a few files by name; `.` is the folder of
 * the group itself. A room may always import itself. The words of a row are rooms or files of its group, rooms or files
 * of other groups (`lib/…`), `/*` for a folder with everything in it, `npm:` and a package, and `node:` for Node's own
 * modules. A row names only rows above it: nothing imports up, and no two rooms need each other. Tests may import
 * everything. docs/architecture.md says in a line what each room is.
 */

/** The core's data and arithmetic without TensorFlow.js: what the page and the server may use of it. */
const DATA = `lib/core lib/core/tensor/dtype.ts lib/core/tensor/float.ts lib/core/tensor/engine.ts lib/core/checkpoint
  lib/core/folder lib/core/model/architecture.ts lib/core/model/config-index.ts lib/core/interval lib/core/edit
  lib/core/shapes lib/core/report lib/core/detection lib/core/plan lib/core/planner lib/core/run lib/core/export`;

export const ROOMS = [
  // Bytes and numbers in, values out: no Node, no React, no alias, and a stage imports earlier stages.
  ...group('lib/core', {
    '.': 'npm:@noble/hashes',
    tensor: '. npm:@tensorflow/tfjs-core npm:@tensorflow/tfjs-backend-wasm',
    checkpoint: '. tensor/dtype.ts tensor/float.ts',
    interval: '.',
    edit: '. interval',
    shapes: '.',
    model: '. tensor checkpoint interval edit npm:@tensorflow/tfjs-core',
    sampling: '. model npm:@tensorflow/tfjs-core npm:zod',
    // Without tensors, so that the page uses them without TensorFlow.js:
    folder: '. checkpoint model/architecture.ts model/config-index.ts shapes sampling/scheduler.ts',
    report: '. model/architecture.ts model/config-index.ts interval edit npm:zod',
    detection: '. model/config-index.ts interval edit report',
    plan: '. model/config-index.ts interval edit report detection npm:zod',
    planner: '. model/config-index.ts interval edit report detection plan',
    run: '. tensor/engine.ts interval edit report plan',
    export: '. tensor/dtype.ts tensor/float.ts checkpoint model/config-index.ts folder interval edit plan run',
    states: '.',
    // Without tensors too, opened in a compute worker:
    trace:
      '. tensor/dtype.ts tensor/float.ts tensor/integers.ts checkpoint model/config-index.ts folder report states npm:zod',
    // With tensors, in a compute worker:
    capture: '. tensor checkpoint model shapes folder report states npm:@tensorflow/tfjs-core',
    analysis: '. tensor model interval edit folder report detection states trace capture npm:@tensorflow/tfjs-core',
    modulation: '. tensor checkpoint model edit sampling export npm:@tensorflow/tfjs-core',
    width: '. tensor/float.ts checkpoint model edit report states capture analysis export npm:@tensorflow/tfjs-core',
    'edited-model':
      '. checkpoint model interval edit shapes sampling folder run export states modulation width npm:@tensorflow/tfjs-core',
    distil: `. tensor checkpoint model shapes interval edit folder report detection plan run export states trace capture analysis
      modulation width npm:@tensorflow/tfjs-core`,
  }),

  // Everything on the way to a compute worker. It knows no page, no server and no terminal.
  ...group('lib/compute', {
    'protocol.ts': 'lib/core/*',
    stores: 'lib/core/* node:',
    engines: 'lib/core/* npm:@tensorflow/* node:',
    folder: 'lib/core/* protocol.ts stores npm:@huggingface/hub node:',
    '.': 'lib/core/* protocol.ts stores engines folder node:',
  }),

  // It computes nothing itself: compute processes do. It knows no page and no terminal.
  ...group('lib/server', {
    '{end-signals,env,log,outlast,room,sleep,storable}.ts': 'lib/core lib/core/tensor/engine.ts npm:zod node:',
    artifacts: `${DATA} lib/compute/folder env.ts npm:@aws-sdk/* node:`,
    database:
      'lib/core lib/core/plan env.ts sleep.ts storable.ts npm:@electric-sql/pglite npm:pg npm:pg-boss npm:fs-native-extensions npm:zod node:',
    'queue.ts': 'lib/core/tensor/engine.ts database npm:pg-boss npm:zod',
    'backend.ts': `${DATA} artifacts`,
    'models.ts': `${DATA} lib/compute/protocol.ts lib/compute/folder env.ts backend.ts node:`,
    runs: `${DATA} env.ts outlast.ts sleep.ts artifacts database queue.ts backend.ts models.ts npm:zod node:`,
    jobs: `${DATA} lib/core/trace lib/compute lib/compute/protocol.ts lib/compute/folder end-signals.ts env.ts log.ts outlast.ts room.ts sleep.ts
      artifacts database queue.ts models.ts runs npm:zod node:`,
    routers: `${DATA} storable.ts backend.ts runs npm:@trpc/server npm:zod`,
    http: `${DATA} lib/core/capture lib/compute/folder backend.ts models.ts runs routers npm:@trpc/server node:`,
    '.': `${DATA} lib/compute env.ts log.ts room.ts storable.ts artifacts database queue.ts backend.ts models.ts runs jobs routers
      http npm:zod node:`,
  }),

  // Stores and journeys of the page. What computes is in a worker; of the server the page knows types.
  ...group('lib/page', {
    browser: `${DATA} npm:zustand`,
    api: `${DATA} lib/server/backend.ts lib/server/routers/index.ts browser npm:@trpc/client npm:zustand`,
    explorer: `${DATA} lib/core/trace/trace-format.ts lib/compute/protocol.ts lib/compute/client.ts lib/compute/wire.ts
      lib/compute/browser-worker.ts lib/compute/worker-port.ts lib/compute/pieces.ts
      lib/compute/joined-pieces.ts lib/compute/paced.ts browser npm:zustand`,
    run: `${DATA} browser api npm:zustand`,
    runs: `${DATA} browser api run npm:zustand`,
    'distil-form': `${DATA} browser api npm:zod npm:zustand`,
  }),
  ...group('components', {
    ui: 'lib/core npm:react',
    charts: `${DATA} npm:react npm:d3`,
    frame: 'lib/page/browser lib/page/api lib/page/runs ui npm:react npm:zustand',
    'distil-form': `${DATA} lib/page/browser lib/page/api lib/page/explorer lib/page/run lib/page/distil-form ui
      npm:react npm:zustand`,
    explorer: `${DATA} lib/compute/protocol.ts lib/page/browser lib/page/explorer ui charts frame distil-form npm:react
      npm:zustand`,
    run: `${DATA} lib/page/browser lib/page/run ui charts frame npm:react npm:zustand`,
    runs: `${DATA} lib/page/browser lib/page/api lib/page/run lib/page/runs ui charts frame run npm:react npm:zustand`,
  }),

  // What is started, by a person or by a process: nothing imports it, but for the scripts that starting needs.
  ...group('', {
    scripts: 'npm:esbuild npm:next npm:tsx npm:@playwright/test npm:@swc/core node:',
    bin: 'scripts',
    'next.config.mjs': 'scripts npm:next',
    'proxy.ts': 'lib/server/http npm:next',
    app: 'lib/page/browser lib/server/http components/* npm:next npm:react npm:@fontsource-variable/inter',
    'workers/run-stream.worker.ts': 'lib/page/api',
    'workers/background.worker.ts': 'lib/page/explorer',
    workers: 'lib/compute/* scripts node:',
    cli: 'lib/core/* lib/compute/* lib/server/* npm:zod node:',
    study: 'lib/core/* lib/compute/* npm:zod node:',
    'tools/fuzz-parity': 'lib/core/* lib/compute/* node:',
    'lib/server/proof': 'lib/core/* lib/compute/* lib/server/* scripts npm:esbuild npm:pg npm:zod node:',
    bench: `lib/core/* lib/compute/* lib/server/* lib/server/proof lib/testing/* scripts npm:@tensorflow/* npm:@playwright/test npm:esbuild npm:zod
      node:`,
  }),
];

/** @param {string} folder @param {Record<string, string>} rows */
function group(folder, rows) {
  const local = Object.keys(rows);
  const inside = (name) => (name === '.' ? folder : folder === '' ? name : `${folder}/${name}`);
  const files = local.flatMap((name) => expand(name));
  const whole = (word) =>
    word === '.' || files.some((name) => word === name || word.startsWith(`${name}/`)) ? inside(word) : word;
  return local.map((name) => ({ room: inside(name), may: (rows[name].match(/\S+/g) ?? []).map(whole) }));
}

/** `{a,b}.ts` as `a.ts` and `b.ts`. */
function expand(name) {
  const braces = /^(.*)\{(.*)\}(.*)$/.exec(name);
  return braces ? braces[2].split(',').map((part) => braces[1] + part + braces[3]) : [name];
}
