import { parse } from 'yaml';
import { z } from 'zod';
import { read } from './source.js';

const Service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()).default(['default']),
  profiles: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  restart: z.string().optional(),
  mem_limit: z.string().optional(),
  stop_grace_period: z.string().optional(),
});

const Compose = z.object({
  services: z.record(z.string(), Service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.null()),
});

/** The compose file as its readers see it. */
export type Compose = z.infer<typeof Compose>;

/** The text of the compose file, before anything is put in. */
export const composeText = (): string => read('docker-compose.yml');

/** The compose file as it stands: `${...}` unresolved. */
export const rawCompose = (): Compose => Compose.parse(parse(composeText()));

/** Each `${NAME...}` of a text, with what follows the name. */
export const references = (text: string): { name: string; rest: string }[] =>
  [...text.matchAll(/\$\{(\w+)([^}]*)\}/g)].map(([, name = '', rest = '']) => ({ name, rest }));

/**
 * A text with its `${NAME}`, `${NAME:-default}` and `${NAME:?message}` resolved, as compose does.
 *
 * Faults: an error naming the variable, where one with `:?` is unset or empty.
 */
export function interpolate(text: string, env: Record<string, string>): string {
  return text.replaceAll(/\$\{(\w+)([^}]*)\}/g, (_whole, name: string, rest: string) => {
    const value = env[name] ?? '';
    if (value !== '') return value;
    if (rest.startsWith(':?')) throw new Error(`${name}: ${rest.slice(2)}`);
    return rest.startsWith(':-') ? rest.slice(2) : '';
  });
}
