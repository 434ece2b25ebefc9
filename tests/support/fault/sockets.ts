import { readFileSync } from 'node:fs';

/** TCP sockets that some process on this machine holds towards a local port; those only the kernel winds up not. */
export function socketsTo(port: number): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(1));
  return lines.filter((line) => {
    const [, , remote = '', , , , , , , inode = '0'] = line.trim().split(/\s+/);
    return remote.endsWith(`:${wanted}`) && inode !== '0';
  }).length;
}
