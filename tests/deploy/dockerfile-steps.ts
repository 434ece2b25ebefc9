// Takes the Dockerfile's own steps one by one, without Docker: each stage in a root file system of its own over this
// machine's, which stands in for the base image; then runs the result as compose would and asks for its health.
// Run: npm run deploy:check   (as root, on Linux; some minutes; `-- --node FOLDER` takes another Node, by the folder of its program)
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  copyOf,
  healthCommand,
  ignoredBy,
  type Instruction,
  jsonWords,
  parseDockerfile,
  type Stage,
  variablesOf,
} from '../support/dockerfile.js';
import { type Circumstances, copyContext, inside, LayeredRoot, programPath } from '../support/layered-root.js';
import { read } from '../support/source.js';

/** A stage as it was built. */
interface Built extends Circumstances {
  root: LayeredRoot;
  volumes: string[];
  health: string[];
  command: string[];
}

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false }, node: { type: 'string' } } });
// The folder is found at /mnt inside.
const ownEnv: Record<string, string> = values.node === undefined ? {} : { PATH: `/mnt:${programPath}` };
const scratch = mkdtempSync(join(tmpdir(), 'promptwell-image-'));
try {
  const stages = parseDockerfile(read('Dockerfile'));
  const context = join(scratch, 'context');
  mkdirSync(context);
  const node = execFileSync(join(values.node ?? dirname(process.execPath), 'node'), ['--version'], {
    encoding: 'utf8',
  });
  console.log(`Node ${node.trim()} and this machine's root in place of ${stages[0]?.base ?? 'no image'}`);
  console.log(`context: ${copyContext(context, ignoredBy(read('.dockerignore')))} files\n`);
  const built = new Map<string, Built>();
  for (const stage of stages) built.set(stage.name, build(stage, { context, built }));
  const image = built.get(stages.at(-1)?.name ?? '');
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  look(image);
  start(image);
  console.log('\nevery step ran, and the result serves');
} finally {
  if (values.keep) console.log(`kept: ${scratch}`);
  else rmSync(scratch, { recursive: true, force: true });
}

function build(stage: Stage, made: { context: string; built: ReadonlyMap<string, Built> }): Built {
  console.log(`stage ${stage.name}`);
  const root = new LayeredRoot(join(scratch, stage.name), values.node);
  const state: Built = { root, workdir: '/', env: { ...ownEnv }, user: 'root', volumes: [], health: [], command: [] };
  for (const instruction of stage.instructions) {
    const begin = performance.now();
    take(instruction, state, made);
    const { keyword, text, line } = instruction;
    if (keyword !== 'RUN' && keyword !== 'COPY') continue;
    const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
    const sizes = `${root.megabytes(state.workdir)} MB, ${root.megabytes(`${state.workdir}/node_modules`)} MB of it modules`;
    console.log(`  ${line}: ${keyword} ${text.slice(0, 60).padEnd(60)} ${seconds} s, ${sizes}`);
  }
  return state;
}

function take(
  { keyword, text, line }: Instruction,
  state: Built,
  { context, built }: { context: string; built: ReadonlyMap<string, Built> },
): void {
  const deeds: Record<string, () => void> = {
    WORKDIR: () => {
      state.workdir = text;
      mkdirSync(state.root.path(text), { recursive: true });
    },
    ENV: () => void Object.assign(state.env, variablesOf(text)),
    USER: () => void (state.user = text),
    VOLUME: () => void state.volumes.push(text),
    HEALTHCHECK: () => void (state.health = healthCommand(text)),
    CMD: () => void (state.command = jsonWords(text)),
    EXPOSE: () => undefined,
    COPY: () => {
      const copy = copyOf(text);
      const origin = copy.from === null ? context : built.get(copy.from)?.root.path('/');
      if (origin === undefined) throw new Error(`Dockerfile:${line}: there is no stage ${String(copy.from)}`);
      state.root.copy(copy, { from: origin, workdir: state.workdir });
    },
    RUN: () => {
      const code = state.root.run(text, state);
      if (code !== 0) throw new Error(`Dockerfile:${line}: ended with ${code}`);
    },
  };
  deeds[keyword]?.();
}

/** What the image holds: no other platform's native code, and only small surprises. */
function look({ root, workdir }: Built): void {
  const modules = root.path(`${workdir}/node_modules`);
  const files = readdirSync(modules, { recursive: true, encoding: 'utf8' });
  const foreign = files.filter(
    (path) =>
      /(^|[-/])(darwin|win32|android|freebsd|wasm32-wasi)([-/]|$)/.test(path) ||
      /(^|\/)onnxruntime-(web|node\/bin\/napi-v\d+\/(?!linux))/.test(path),
  );
  if (foreign.length > 0) throw new Error(`of other platforms: ${foreign.slice(0, 5).join(', ')}`);
  console.log(`\nimage: ${root.megabytes('/')} MB over its base; the largest modules:`);
  const sized = readdirSync(modules)
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((part) => `${name}/${part}`) : [name],
    )
    .filter((name) => statSync(join(modules, name)).isDirectory())
    .map((name) => ({ name, size: root.megabytes(`${workdir}/node_modules/${name}`) }))
    .toSorted((a, b) => b.size - a.size);
  for (const { name, size } of sized.slice(0, 8)) console.log(`  ${String(size).padStart(4)} MB ${name}`);
}

/** Runs the image as compose does: no network, nothing writable but the volume and /tmp, no privileges. */
function start(image: Built): void {
  const shell = (words: string[]): string => inside(words, image);
  const volumes = image.volumes.flatMap((volume) => {
    const { uid, gid, mode } = statSync(image.root.path(volume));
    const options = `uid=${uid},gid=${gid},mode=${(mode & 0o777).toString(8)}`;
    return [`mount -t tmpfs -o ${options} tmpfs "$M${volume}"`];
  });
  console.log('\nas the user', image.user, 'without privileges or a network, on a read-only root:');
  const code = image.root.script(
    [
      ...volumes,
      'mount -o remount,ro "$M"',
      'ip link set lo up',
      `! ${shell(['touch', '/app/written'])} 2>/dev/null || { echo "  the root is writable"; exit 1; }`,
      `${shell(['node', 'dist/cli.js', '--version'])} | sed 's/^/  version /'`,
      // What only a neural model would load: nothing it needs may have been removed.
      shell(['node', '-e', "import('@xenova/transformers').then(() => console.log('  the neural runtime loads'))"]),
      `${shell(image.command)} >"$M/tmp/log" 2>&1 & SERVICE=$!`,
      'TRIES=0',
      `until ${shell(image.health)}; do`,
      '  TRIES=$((TRIES + 1)); kill -0 $SERVICE && [ $TRIES -lt 60 ] || { cat "$M/tmp/log"; exit 1; }; sleep 1',
      'done',
      'echo "  its HEALTHCHECK says healthy after $TRIES more tries"',
      `grep -E '^(Uid|CapEff|NoNewPrivs)' /proc/$SERVICE/status | sed 's/^/  /'`,
      `awk '/VmRSS/ { print "  memory: " int($2 / 1024) " MB" }' /proc/$SERVICE/status`,
      shell([
        'node',
        '-e',
        "fetch('http://127.0.0.1:3000/readyz').then((r) => r.text()).then((t) => console.log('  ' + t))",
      ]),
      'kill -TERM $SERVICE',
      'wait $SERVICE && echo "  ended by SIGTERM with 0"',
    ],
    ['--net', '--mount-proc'],
  );
  if (code !== 0) throw new Error('the image does not serve');
}
