import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { freePort } from './cluster.js';
import { createTestFolder } from './database.js';
import { read } from './source.js';
import { until } from './wait.js';

const run = promisify(execFile);

/** The shipped configuration, served by a real nginx of a test's own. */
export interface TestNginx extends AsyncDisposable {
  /** Where it speaks TLS. */
  url: string;
  /** Where it speaks plain HTTP. */
  plainUrl: string;
  /** Its certificate, signed by itself. */
  ca: string;
  /** What `nginx -t` says of the configuration. */
  verdict: string;
  /** Everything it has logged, by file. */
  logs(): Promise<{ access: string; error: string; main: string }>;
}

/** A call through nginx, by hand. */
export interface TlsCall {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Another address of this machine to call from. */
  localAddress?: string;
}

/** The text of the shipped configuration. */
export const shippedConfig = (): string => read('deploy/nginx/promptwell.conf');

/**
 * Starts `program` on the shipped configuration in front of `upstreams` (host:port, in order).
 *
 * Shape: changed is only what an operator changes, and where it listens and logs.
 * Cost: 0.3 s, most of it the key of the certificate.
 */
export async function startNginx(program: string, upstreams: readonly string[]): Promise<TestNginx> {
  const folder = await createTestFolder();
  const [tlsPort, plainPort] = await Promise.all([freePort(), freePort()]);
  const files = { key: `${folder.path}/key.pem`, certificate: `${folder.path}/certificate.pem` };
  await selfSign(files);
  await writeFile(`${folder.path}/promptwell.conf`, settled(upstreams, { folder: folder.path, tlsPort, plainPort }));
  await writeFile(`${folder.path}/nginx.conf`, surrounding(folder.path));
  const args = ['-p', folder.path, '-c', `${folder.path}/nginx.conf`, '-e', `${folder.path}/main.log`];
  const { stderr: verdict } = await run(program, ['-t', ...args]);
  const child = spawn(program, args, { stdio: 'ignore' });
  const url = `https://127.0.0.1:${tlsPort}`;
  const ca = await readFile(files.certificate, 'utf8');
  await until('nginx to listen', async () => isListening(tlsPort, child));
  return {
    url,
    plainUrl: `http://127.0.0.1:${plainPort}`,
    ca,
    verdict,
    async logs() {
      const of = (name: string) => readFile(`${folder.path}/${name}`, 'utf8');
      const [access, error, main] = await Promise.all([
        of('promptwell.log'),
        of('promptwell-error.log'),
        of('main.log'),
      ]);
      return { access, error, main };
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Makes one call over TLS and reads the whole answer. */
export async function tlsCall(nginx: TestNginx, path: string, call: TlsCall = {}) {
  const response = await tlsOpen(nginx, path, call);
  return { status: response.statusCode ?? 0, headers: response.headers, text: await readText(response) };
}

/** Makes one call over TLS; answers when its headers are there. */
export async function tlsOpen(nginx: TestNginx, path: string, call: TlsCall = {}): Promise<IncomingMessage> {
  const { body, ...options } = call;
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const sent = request(`${nginx.url}${path}`, {
    agent: false,
    ca: nginx.ca,
    ...options,
    headers: { ...type, ...options.headers },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** The configuration with what an operator sets; what is to be set must be there. */
function settled(upstreams: readonly string[], at: { folder: string; tlsPort: number; plainPort: number }): string {
  const servers = upstreams.map((address) => `server ${address} `).join('max_fails=3 fail_timeout=2s;\n    ');
  const changes: [string | RegExp, string][] = [
    [/server 127\.0\.0\.1:3000 /g, servers],
    ['listen 80;', `listen 127.0.0.1:${at.plainPort};`],
    ['listen [::]:80;', ''],
    ['listen 443 ssl', `listen 127.0.0.1:${at.tlsPort} ssl`],
    ['listen [::]:443 ssl http2;', ''],
    ['/etc/letsencrypt/live/promptwell.example.com/fullchain.pem', `${at.folder}/certificate.pem`],
    ['/etc/letsencrypt/live/promptwell.example.com/privkey.pem', `${at.folder}/key.pem`],
    [/\/var\/log\/nginx\//g, `${at.folder}/`],
  ];
  return changes.reduce((text, [from, to]) => {
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`deploy/nginx/promptwell.conf no longer says ${String(from)}`);
    return changed;
  }, shippedConfig());
}

/** What Debian's nginx.conf says around it. */
const surrounding = (folder: string): string => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
error_log ${folder}/main.log warn;
events {}
http {
  client_body_temp_path ${folder}/bodies;
  proxy_temp_path ${folder}/answers;
  fastcgi_temp_path ${folder}/unused-1;
  uwsgi_temp_path ${folder}/unused-2;
  scgi_temp_path ${folder}/unused-3;
  gzip on;
  access_log ${folder}/main-access.log;
  include ${folder}/promptwell.conf;
}
`;

const selfSign = ({ key, certificate }: { key: string; certificate: string }) =>
  run('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(' '),
    ...`-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout ${key} -out ${certificate}`.split(' '),
  ]);

async function isListening(port: number, child: ChildProcess): Promise<true | undefined> {
  if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true as const,
    () => undefined,
  );
  socket.destroy();
  return isOpen;
}
