import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What the bench installs beside the project, never into it. */
const wanted = { usearch: '2.26.2', 'hnswlib-node': '3.0.0' } as const;

/** Where the peers and their indexes lie; a second run finds them there. */
const folder = join(tmpdir(), 'promptwell-bench-peers');

/** The shape of every graph, as pgvector's defaults and ours have it. */
const graph = { connectivity: 16, construction: 64 } as const;

const installMs = 300_000;

/** Vectors of one length, one after another. */
export interface Matrix {
  dimensions: number;
  rows: number;
  row(index: number): Float32Array;
}

/** An in-process index, built or read from its file. */
export interface PeerIndex {
  name: string;
  /** Of its file, which holds the vectors too. */
  bytes: number;
  /** How many vectors a search keeps in sight. */
  setDepth(depth: number): void;
  /** The places of the nearest in the matrix. */
  nearest(query: Float32Array, limit: number): number[];
}

/** Builds or opens an index over a matrix; `key` names its file. */
export type Peer = (matrix: Matrix, key: string) => PeerIndex;

/**
 * The peers that install on this machine.
 *
 * Shape: none without a network or a compiler; what is missing is said on standard error, and the bench goes on.
 */
export async function installedPeers(): Promise<Peer[]> {
  await install();
  const load = createRequire(join(folder, 'package.json'));
  const peers: Peer[] = [];
  for (const [name, make] of [
    ['usearch', usearch],
    ['hnswlib-node', hnswlib],
  ] as const) {
    try {
      peers.push(make(load(name)));
    } catch (error) {
      console.error(`${name} is left out: ${String(error).split('\n')[0]}`);
    }
  }
  return peers;
}

async function install(): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (Object.keys(wanted).every((name) => existsSync(join(folder, 'node_modules', name)))) return;
  const names = Object.keys(wanted);
  const allowScripts = Object.fromEntries(names.map((name) => [name, true]));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts }));
  const packages = Object.entries(wanted).map(([name, version]) => `${name}@${version}`);
  // Their native parts are built by install scripts, which the project's own settings refuse.
  const options = ['--prefix', folder, '--ignore-scripts=false', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', ['install', ...options, ...packages], { cwd: folder, timeout: installMs }).catch(
    (error: Error) => console.error(`The peers did not install: ${error.message.split('\n').slice(0, 3).join(' ')}`),
  );
}

/** What the bench asks of usearch. Source: its usearch.d.ts. */
interface Usearch {
  Index: new (config: object) => UsearchIndex;
}
interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(vector: Float32Array, limit: number, threads: number): { keys: BigUint64Array };
  save(path: string): void;
  load(path: string): void;
}

const addedAtOnce = 1_000;

const usearch =
  (module: Usearch): Peer =>
  (matrix, key) => {
    const path = join(folder, `${key}.usearch`);
    const open = (depth: number): UsearchIndex =>
      new module.Index({
        dimensions: matrix.dimensions,
        metric: 'cos',
        quantization: 'f32',
        connectivity: graph.connectivity,
        expansion_add: graph.construction,
        expansion_search: depth,
        multi: false,
      });
    if (!existsSync(path)) {
      const built = open(graph.construction);
      for (let start = 0; start < matrix.rows; start += addedAtOnce) {
        const places = range(start, Math.min(start + addedAtOnce, matrix.rows));
        const vectors = new Float32Array(places.length * matrix.dimensions);
        for (const [at, place] of places.entries()) vectors.set(matrix.row(place), at * matrix.dimensions);
        built.add(BigUint64Array.from(places, BigInt), vectors, 0);
      }
      built.save(path);
    }
    let index: UsearchIndex;
    return {
      name: 'usearch',
      bytes: statSync(path).size,
      setDepth(depth) {
        // The depth is the constructor's alone.
        index = open(depth);
        index.load(path);
      },
      nearest: (query, limit) => Array.from(index.search(query, limit, 1).keys, Number),
    };
  };

/** What the bench asks of hnswlib-node. Source: its index.d.ts. */
interface Hnswlib {
  HierarchicalNSW: new (
    space: 'cosine',
    dimensions: number,
  ) => {
    initIndex(rows: number, connectivity: number, construction: number): void;
    addPoint(vector: number[], label: number): void;
    setEf(depth: number): void;
    searchKnn(query: number[], limit: number): { neighbors: number[] };
    writeIndexSync(path: string): void;
    readIndexSync(path: string): void;
  };
}

const hnswlib =
  (module: Hnswlib): Peer =>
  (matrix, key) => {
    const path = join(folder, `${key}.hnswlib`);
    const index = new module.HierarchicalNSW('cosine', matrix.dimensions);
    if (existsSync(path)) index.readIndexSync(path);
    else {
      index.initIndex(matrix.rows, graph.connectivity, graph.construction);
      for (const place of range(0, matrix.rows)) index.addPoint(Array.from(matrix.row(place)), place);
      index.writeIndexSync(path);
    }
    return {
      name: 'hnswlib-node',
      bytes: statSync(path).size,
      setDepth: (depth) => index.setEf(depth),
      nearest: (query, limit) => index.searchKnn(Array.from(query), limit).neighbors,
    };
  };

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
