/**
 * `npm run engine:tensorflow`: sets up the engine `tensorflow`, the fastest one on a processor, in `.engines/tensorflow`.
 * tfjs-node's own installer fetches a TensorFlow of 2022; this builds its binding (N-API, 13 s) against the library
 * inside a current Python wheel instead: the CPU's, or CUDA's where nvidia is present. Made in a folder aside, tried out,
 * and put in place whole, so that an interrupted run leaves nothing half done; `npm install` does not touch it. Files are
 * compared with the checksums in engine-pins.mjs before they are unpacked. `--help` prints the options.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isPinned, SetupError, TENSORFLOW, verifyFile, WHEEL_PYTHON } from './engine-pins.mjs';

const HELP = `npm run engine:tensorflow -- [options]

  --prebuilt          the official binary and library of tfjs-node's own installer instead
  --cpu, --cuda       instead of asking whether nvidia is present
  --again             anew, even if it is there
  --allow-unverified  takes files that no checksum is pinned for, and prints which: another platform than Linux on
                      x86-64, CUDA, --prebuilt, another patch of TensorFlow. A pinned file must match all the same.
  --help              this text`;
const OPTIONS = ['--prebuilt', '--cpu', '--cuda', '--again', '--allow-unverified', '--help'];

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** The environment variable is for the tests: the product looks in the project's folder alone. */
const ENGINES = process.env.CONTIGUA_ENGINES ?? join(ROOT, '.engines');
const TARGET = join(ENGINES, 'tensorflow');
const TFJS_NODE = `@tensorflow/tfjs-node@${createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json').version}`;
const MINOR = TENSORFLOW.split('.').slice(0, 2).join('.');
/** Other Pythons whose wheel will do where none is pinned: only its library is used. */
const OTHER_PYTHONS = ['3.12', '3.13', '3.10'];

/** Files that were taken without a pin, with their checksums; null as long as that is not allowed. */
let unverified = null;

async function verify(path) {
  const found = await verifyFile(path, unverified !== null);
  if (found === null) return;
  unverified.push(`${basename(path)} ${found}`);
  console.warn(`NOT VERIFIED: no checksum is pinned for ${basename(path)}; it has ${found}`);
}

function run(command, args, { cwd = ROOT, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      output.push(chunk);
    });
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const tail = Buffer.concat(output).toString().trimEnd().split('\n').slice(-20).join('\n    ');
      reject(new Error(`\`${[command, ...args].join(' ')}\` ended with ${signal ?? code}:\n    ${tail}`));
    });
  });
}

async function works(command, args) {
  return await run(command, args).then(
    () => true,
    () => false,
  );
}

/** npm as the one that runs this script, so that its configuration and version hold. */
function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options);
}

async function findPython() {
  for (const name of ['python3', 'python']) {
    if (await works(name, ['-c', 'import sys; assert sys.version_info >= (3, 8)'])) return name;
  }
  throw new SetupError(
    'No Python was found (tried python3 and python, 3.8 or newer). The TensorFlow library comes as a Python wheel, and ' +
      'the compiler is driven by Python too.\n  Install Python 3 (Debian: `apt install python3 python3-pip`) and run this again.',
  );
}

/** A Python that has pip: the system's, or that of a virtual environment made for the purpose. */
async function findPip(python, folder) {
  if (await works(python, ['-m', 'pip', '--version'])) return python;
  const venv = join(folder, 'venv');
  if (await works(python, ['-m', 'venv', venv])) {
    return process.platform === 'win32' ? join(venv, 'Scripts/python.exe') : join(venv, 'bin/python');
  }
  throw new SetupError(
    `\`${python} -m pip\` does not work, nor does \`${python} -m venv\`.\n  Install pip (Debian: \`apt install python3-pip\`) and run this again.`,
  );
}

async function hasNvidia() {
  return existsSync('/proc/driver/nvidia/version') || (await works('nvidia-smi', ['-L']));
}

/** Downloads a wheel through the user's own pip configuration and returns its path, verified. */
async function downloadWheel(pip, requirement, folder) {
  await mkdir(folder, { recursive: true });
  const download = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--dest', folder];
  const others = unverified ? OTHER_PYTHONS : [];
  const attempts = [WHEEL_PYTHON, ...others].map((version) => ['--python-version', version]);
  // Packages of CUDA have wheels for every Python.
  if (unverified) attempts.push([]);
  let wheel = null;
  let failure = '';
  for (const options of attempts) {
    try {
      await run(pip, [...download, ...options, requirement]);
      [wheel = null] = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
      if (wheel) break;
    } catch (thrown) {
      failure ||= thrown.message;
    }
  }
  if (wheel) {
    await verify(join(folder, wheel));
    return join(folder, wheel);
  }
  throw new SetupError(
    `pip could not download ${requirement}, for Python ${[WHEEL_PYTHON, ...others].join(', ')}.\n  ${failure}\n` +
      '  Check pip’s index (`python3 -m pip config list`, PIP_INDEX_URL, PIP_FIND_LINKS) and this machine’s connection.',
  );
}

/** Unpacks what matches of a wheel, which is a zip: `pattern` is of Python's `re`. Links inside wheels do not exist. */
const UNPACK = `
import re, sys, zipfile
wheel, folder, pattern = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if re.search(pattern, name) and not name.endswith('/'):
            archive.extract(name, folder)
`;

/** TensorFlow's library and headers into tfjs-node's deps/, under the names that its build asks for. */
async function fetchLibrary(python, pip, cuda, work, deps) {
  const suffix = process.platform === 'darwin' ? ['.2.dylib', '.2.dylib'] : ['.so.2', '.so'];
  // The package for processors alone is there for x86-64 only.
  const name = cuda || process.platform === 'darwin' || process.arch !== 'x64' ? 'tensorflow' : 'tensorflow-cpu';
  const version = unverified ? `${MINOR}.*` : TENSORFLOW;
  console.log(`Downloading ${name} ${version} (some hundred MB) …`);
  const wheel = await downloadWheel(pip, `${name}==${version}`, join(work, name));
  const site = join(deps, 'site');
  await run(python, ['-c', UNPACK, wheel, site, `^tensorflow/(lib[^/]*[.](so|dylib)|libtensorflow[^/]*$|include/)`]);
  const lib = join(deps, 'lib');
  await mkdir(lib, { recursive: true });
  for (const [linked, original] of [
    [`libtensorflow${suffix[1]}`, `libtensorflow_cc${suffix[0]}`],
    [`libtensorflow_framework${suffix[1]}`, `libtensorflow_framework${suffix[0]}`],
  ]) {
    const file = join(site, 'tensorflow', original);
    if (!existsSync(file)) throw new SetupError(`${wheel} holds no ${original}: this wheel is of another layout.`);
    // The linker takes the library's own name from the file, which therefore lies beside its link.
    await rename(file, join(lib, original));
    if (linked !== original) await symlink(original, join(lib, linked));
  }
  await rename(join(site, 'tensorflow', 'include'), join(deps, 'include'));
  if (cuda) await fetchCuda(python, pip, wheel, work, deps);
  await rm(site, { recursive: true });
  return wheel.split(/[\\/]/).at(-1);
}

/** The wheel names the CUDA libraries that it was built for as its extra `and-cuda`; they go where its loader looks. */
async function fetchCuda(python, pip, wheel, work, deps) {
  const script = `
import re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    metadata = next(name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
    text = archive.read(metadata).decode()
print('\\n'.join(re.findall(r'^Requires-Dist: (nvidia-[^;]+?) *; *extra == "and-cuda"', text, re.M)))`;
  const wanted = (await run(python, ['-c', script, wheel])).trim().split('\n');
  for (const requirement of wanted) {
    console.log(`Downloading ${requirement} …`);
    const library = await downloadWheel(pip, requirement, join(work, requirement.split(/[<>=]/, 1)[0]));
    await run(python, ['-c', UNPACK, library, deps, '^nvidia/[^/]+/(lib|nvvm|bin)/']);
  }
}

/** npm brings a node-gyp that fits the Node it runs on; the newest one asks for Node 22. */
async function findNodeGyp() {
  const cli = process.env.npm_execpath ?? (await run('npm', ['root', '-g'])).trim();
  for (let folder = cli; folder !== dirname(folder); folder = dirname(folder)) {
    for (const path of ['node_modules/node-gyp', 'npm/node_modules/node-gyp']) {
      if (existsSync(join(folder, path, 'bin/node-gyp.js'))) return join(folder, path, 'bin/node-gyp.js');
    }
  }
  throw new SetupError('npm’s node-gyp was not found. Run this through npm: `npm run engine:tensorflow`.');
}

/** Headers that came with Node need no download. */
async function headerOption() {
  const prefix = dirname(dirname(await realpath(process.execPath)));
  const text = await readFile(join(prefix, 'include/node/node_version.h'), 'utf8').catch(() => '');
  const major = /NODE_MAJOR_VERSION (\d+)/.exec(text)?.[1];
  return major === process.versions.node.split('.')[0] ? [`--nodedir=${prefix}`] : [];
}

async function buildBinding(python, folder) {
  for (const tool of process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']) {
    if (!(await works(tool, ['--version']))) continue;
    console.log('Compiling the binding …');
    const path = join(folder, 'lib/napi-v8');
    const options = ['--module_name=tfjs_binding', `--module_path=${path}`, '--napi_build_version=8'];
    const gyp = [await findNodeGyp(), 'rebuild', `--python=${python}`, ...(await headerOption()), ...options];
    await run(process.execPath, gyp, { cwd: folder }).catch((thrown) => {
      throw new SetupError(`The binding did not compile.\n  ${thrown.message}\n  It needs make and a C++17 compiler.`);
    });
    await Promise.all(['build', 'deps/include'].map((part) => rm(join(folder, part), { recursive: true })));
    return;
  }
  throw new SetupError(
    'No C++ compiler was found (tried c++, g++, clang++ and CXX).\n  Install one (Debian: `apt install g++ make`), or try `npm run engine:tensorflow -- --prebuilt`.',
  );
}

/** tfjs-node's files alone: no scripts, no dependencies. Most of those, the union package above all, are never loaded. */
async function fetchSources(folder) {
  const packed = await npm(['pack', TFJS_NODE, '--pack-destination', dirname(folder), '--silent']).catch((thrown) => {
    throw new SetupError(`npm could not fetch ${TFJS_NODE}.\n  ${thrown.message}`);
  });
  const archive = join(dirname(folder), packed.trim().split('\n').at(-1));
  await verify(archive);
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1']);
  await rm(archive);
}

async function fetchPrebuilt(folder, work) {
  console.log(`Installing ${TFJS_NODE} with its own installer …`);
  unverified.push('all that the installer of tfjs-node fetched');
  console.warn('NOT VERIFIED: no checksum is pinned for what the installer of tfjs-node fetches');
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'package.json'), '{ "private": true }');
  await npm(['install', '--prefix', work, '--no-audit', '--no-fund', TFJS_NODE], { cwd: work }).catch((thrown) => {
    throw new SetupError(
      `The official package did not install.\n  ${thrown.message}\n  Its files come from storage.googleapis.com. Without --prebuilt, the engine is built from PyPI’s wheel.`,
    );
  });
  await rename(join(work, 'node_modules/@tensorflow/tfjs-node'), folder);
  // The installer runs apart from the package's tree, and its failure need not be npm's.
  if (!existsSync(join(folder, 'lib/napi-v8/tfjs_binding.node'))) {
    throw new SetupError('The official package was installed without its binary. Run this again without --prebuilt.');
  }
}

/**
 * tfjs-node asks for the union package, of which it needs only the core: the project's one copy. And for messages of
 * TensorBoard, which nobody writes here.
 */
async function shareCore(folder) {
  await writeFile(join(folder, 'package/dist/proto/api_pb.js'), 'module.exports = {};\n');
  const shim = join(folder, 'node_modules/@tensorflow/tfjs');
  await mkdir(shim, { recursive: true });
  await writeFile(join(shim, 'package.json'), '{ "name": "@tensorflow/tfjs", "main": "index.js" }\n');
  await writeFile(join(shim, 'index.js'), "module.exports = require('@tensorflow/tfjs-core');\n");
}

/** Loads what was made in a fresh process, multiplies, and tells library and device. */
async function tryOut(folder) {
  const script = `
    await import(${JSON.stringify(import.meta.resolve('./sources.mjs'))});
    const { loadTensorflow } = await import(${JSON.stringify(new URL('../lib/compute/engines/tensorflow.ts', import.meta.url).href)});
    const tf = await import(${JSON.stringify(import.meta.resolve('@tensorflow/tfjs-core'))});
    await loadTensorflow(${JSON.stringify(join(folder, 'package'))});
    await tf.setBackend('tensorflow');
    const product = await tf.matMul([[1, 2]], [[3], [4]]).data();
    if (product[0] !== 11) throw new Error('1·3 + 2·4 gave ' + product[0]);
    const { binding, isUsingGpuDevice } = tf.backend();
    process.stdout.write(binding.TF_Version + (isUsingGpuDevice ? ', GPU' : ', CPU'));`;
  return await run(process.execPath, ['--input-type=module', '-e', script]).catch((thrown) => {
    throw new SetupError(`The engine was made, but does not compute.\n  ${thrown.message}`);
  });
}

/** What the folder in place was made from; null where there is none, or one that is not whole. */
async function readStamp() {
  return await readFile(join(TARGET, 'ready.json'), 'utf8').then(JSON.parse, () => null);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown.code !== 'ESRCH';
  }
}

/** What a killed run left aside; another run may be busy with its own. */
async function clearInterrupted() {
  for (const name of await readdir(ENGINES).catch(() => [])) {
    const pid = /^tensorflow-(\d+)$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(ENGINES, name), { recursive: true, force: true });
  }
}

async function main(options) {
  const unknown = options.filter((option) => !OPTIONS.includes(option));
  if (unknown.length > 0) throw new SetupError(`Unknown option ${unknown.join(', ')}.\n${HELP}`);
  if (options.includes('--help')) return console.log(HELP);
  if (options.includes('--allow-unverified')) unverified = [];
  const prebuilt = options.includes('--prebuilt');
  const cuda = options.includes('--cuda') || (!options.includes('--cpu') && !prebuilt && (await hasNvidia()));
  const wanted = { tfjsNode: TFJS_NODE, tensorflow: prebuilt ? 'prebuilt' : MINOR, cuda, arch: process.arch };
  const there = await readStamp();
  const same = there && Object.entries(wanted).every(([key, value]) => there[key] === value);
  if (same && !options.includes('--again')) {
    console.log(`The engine tensorflow is set up: libtensorflow ${there.library}.`);
    return;
  }
  if (process.platform === 'win32' && !prebuilt) {
    throw new SetupError('TensorFlow’s wheel for Windows holds no library to link with. Use --prebuilt, or WSL.');
  }
  await clearInterrupted();
  const { platform, arch } = process;
  if (!unverified && !isPinned({ platform, arch, cuda, prebuilt })) {
    const what = prebuilt
      ? 'the files of tfjs-node’s own installer'
      : `${cuda ? 'CUDA on ' : ''}${platform} on ${arch}`;
    throw new SetupError(
      `No checksums are pinned for ${what}: the code in it would run unverified.\n` +
        `  ${cuda && isPinned({ platform, arch }) ? '--cpu sets up the pinned library for processors. ' : ''}` +
        '--allow-unverified takes the files all the same, and prints which they were.',
    );
  }
  const aside = join(ENGINES, `tensorflow-${process.pid}`);
  const work = join(aside, 'work');
  const folder = join(aside, 'package');
  await rm(aside, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  try {
    if (prebuilt) {
      await fetchPrebuilt(folder, work);
    } else {
      const python = await findPython();
      const pip = await findPip(python, work);
      await fetchSources(folder);
      wanted.wheel = await fetchLibrary(python, pip, cuda, work, join(folder, 'deps'));
      await buildBinding(python, folder);
    }
    await shareCore(aside);
    await rm(work, { recursive: true });
    const library = await tryOut(aside);
    await writeFile(
      join(aside, 'ready.json'),
      `${JSON.stringify({ ...wanted, library, unverified: unverified ?? [] }, null, 2)}\n`,
    );
    await rm(TARGET, { recursive: true, force: true });
    await rename(aside, TARGET);
    console.log(`The engine tensorflow is set up: libtensorflow ${library}.`);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  console.error(
    `The engine tensorflow could not be set up. ${thrown instanceof SetupError ? thrown.message : thrown.stack}`,
  );
  process.exitCode = 1;
}
