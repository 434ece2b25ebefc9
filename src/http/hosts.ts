const hostForm = /^(?:[a-z0-9](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?$/i;

/** Whether a Host header is well-formed and, where names are configured, one of them. */
export function isHostAllowed(host: string | undefined, publicHosts: readonly string[]): boolean {
  const match = host === undefined ? null : hostForm.exec(host);
  if (match === null || host === undefined) return false;
  if (match[1] !== undefined && Number(match[1]) > 65_535) return false;
  if (publicHosts.length === 0) return true;
  return publicHosts.some((name) => name.toLowerCase() === host.toLowerCase().replace(/:\d+$/, ''));
}

/**
 * Whether a web page of `origin` may open a WebSocket or call: no Origin at all (not a browser), the service's own, or a
 * configured one. Compared whole: no prefixes, no patterns, never `null`.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  return allowed.includes(origin) || origin === `http://${host}` || origin === `https://${host}`;
}
