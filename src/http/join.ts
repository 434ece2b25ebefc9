import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { joinPage, joinScript, joinStyle } from './join-page.js';

/**
 * `/join`: the page that a link of an invitation opens. It is the same for everybody and knows nothing.
 *
 * Shape: the browser runs the script and style of this page and nothing else, calls this service and nobody else, and
 * shows it in no frame.
 */
export function mountJoin(server: FastifyInstance): void {
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(joinScript)}`,
    `style-src ${hashOf(joinStyle)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  server.get('/join', async (_request, reply) =>
    reply
      .header('content-security-policy', policy)
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(joinPage),
  );
}

/** Source: CSP level 3 section 2.3.1, hash-source. */
const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
