import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** Source: Emscripten's errno of EIO; PostgreSQL then stops rather than trust a page that may not be on the disk. */
const ioError = 29;

/** What PGlite's file system is given of an open file or folder. */
interface OpenFile {
  /** The file's descriptor in this process; folders have none. */
  nfd?: number;
  node: object;
}

/** The part of Emscripten's file system on this machine's disk that is completed here. */
interface DiskFileSystem {
  realPath(node: object): string;
  stream_ops: { fsync?: (file: OpenFile) => number };
}

type InitOptions = Parameters<NodeFS['init']>[1];

/**
 * PGlite's folder on this machine's disk, with the one call that its file system lacks: `fsync`. PostgreSQL asks for it
 * in the same places as on a server, so that a commit that was acknowledged survives a power cut.
 *
 * Cost: one `fsync` a commit, as on a server.
 * Source: Emscripten's `fd_sync` calls `stream_ops.fsync` where there is one and else answers that all is well; its
 * `fdatasync` does nothing, which is why `wal_sync_method` must be `fsync`.
 */
export class DurableFolder extends NodeFS {
  override async init(pg: PGlite, options: InitOptions): ReturnType<NodeFS['init']> {
    const made = await super.init(pg, options);
    const { preRun = [] } = made.emscriptenOpts;
    const steps = typeof preRun === 'function' ? [preRun] : preRun;
    const complete = (module: { FS: { filesystems: object } }): void => {
      const disk = (module.FS.filesystems as { NODEFS: DiskFileSystem }).NODEFS;
      disk.stream_ops.fsync = (file) => sync(file, disk);
    };
    return { emscriptenOpts: { ...made.emscriptenOpts, preRun: [...steps, complete] } };
  }
}

/** The start parameters that make PostgreSQL ask; PGlite's own say that it must not. */
export const durableParameters = ['fsync=on', 'wal_sync_method=fsync'] as const;

function sync(file: OpenFile, disk: DiskFileSystem): number {
  try {
    if (file.nfd === undefined) syncFolderNow(disk.realPath(file.node));
    else fsyncSync(file.nfd);
    return 0;
  } catch {
    return ioError;
  }
}

function syncFolderNow(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
