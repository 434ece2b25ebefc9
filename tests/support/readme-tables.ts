import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { Environment } from '../../src/config.js';
import { keyScopes, type Role, roleScopes, type Scope } from '../../src/kernel/access.js';
import type { ProcedureMeta } from '../../src/rpc/init.js';
import { root } from './source.js';

/** What the configuration's schema says of one variable. */
interface Variable {
  name: string;
  /** As one would write it in the environment; empty when unset. */
  fallback: string;
  what: string;
}

const VariableSchema = z.object({
  description: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  enum: z.array(z.string()).optional(),
});

/** Every variable of the environment, in the schema's order. */
export function variables(): Variable[] {
  const { properties } = z.toJSONSchema(Environment, { io: 'input' });
  return Object.entries(properties ?? {}).map(([name, property]) => {
    const { description, default: fallback = '', enum: values } = VariableSchema.parse(property);
    const choices = values === undefined ? '' : ` One of ${values.join(', ')}.`;
    return { name, fallback: String(fallback), what: `${description}${choices}` };
  });
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

/** The README's table of the configuration. */
export const configurationTable = (): string =>
  table(
    ['variable', 'default', 'what'],
    variables().map(({ name, fallback, what }) => [`\`${name}\``, fallback === '' ? '' : `\`${fallback}\``, what]),
  );

/** The text of `.env.example`: every variable with its default, none of them set. */
export function environmentExample(): string {
  const head = [
    '# What Promptwell can be told. Everything has a default: copy this file to .env and set only what you change.',
    '# Generated from src/config.ts by `npm run docs`.',
  ];
  const entries = variables().map(({ name, fallback, what }) => `\n# ${what}\n# ${name}=${fallback}`);
  return `${[...head, ...entries].join('\n')}\n`;
}

/** One procedure of the router, as the README and the auth matrix see it. */
export interface ProcedureFacts {
  path: string;
  kind: 'query' | 'mutation' | 'subscription';
  /** As the router's own `ProcedureMeta` says it. */
  access: ProcedureMeta['access'];
  alsoNeeds?: Scope | undefined;
}

const ProcedureDefinition = z.object({
  _def: z.object({
    type: z.enum(['query', 'mutation', 'subscription']),
    meta: z.object({
      access: z.enum(['public', 'user', 'session', 'administrator', ...roleScopes.owner]),
      alsoNeeds: z.enum(roleScopes.owner).optional(),
    }),
  }),
});
const RouterModule = z.object({ createAppRouter: z.custom<(services: object) => unknown>() });
const RouterDefinition = z.object({ _def: z.object({ procedures: z.record(z.string(), z.unknown()) }) });

/** Whether there is a router yet. */
export const hasRouter = (): boolean => existsSync(join(root, 'src/router.ts'));

/** Every procedure of the router, by path. Faults: a procedure without `meta.access`. */
export async function procedures(): Promise<ProcedureFacts[]> {
  const { createAppRouter } = RouterModule.parse(await import(pathToFileURL(join(root, 'src/router.ts')).href));
  // A router only remembers its services; nothing is called while it is described.
  const services: object = new Proxy({}, { get: () => services });
  const router = RouterDefinition.parse(createAppRouter(services));
  return Object.entries(router._def.procedures)
    .map(([path, procedure]) => {
      const parsed = ProcedureDefinition.safeParse(Object.assign({}, procedure));
      if (!parsed.success) throw new Error(`${path} does not say who may call it: give it meta { access }`);
      return { path, kind: parsed.data._def.type, ...parsed.data._def.meta };
    })
    .toSorted((a, b) => a.path.localeCompare(b.path));
}

const roles = ['viewer', 'member', 'admin', 'owner'] as const satisfies readonly Role[];
const yesOrNo = (isAllowed: boolean): string => (isAllowed ? 'yes' : 'no');

function mayAs(role: Role, access: ProcedureMeta['access']): boolean {
  if (access === 'public' || access === 'user' || access === 'session') return true;
  return access !== 'administrator' && roleScopes[role].includes(access);
}

/** The README's table of who may call what. */
export function procedureTable(all: readonly ProcedureFacts[]): string {
  const rows = all.map(({ path, kind, access, alsoNeeds }) => {
    const mayRole = roles.map((role) => yesOrNo(mayAs(role, access)));
    const mayKey = ['public', 'user', ...keyScopes].includes(access);
    const needs = alsoNeeds === undefined ? access : `${access}, ${alsoNeeds}`;
    return [`\`${path}\``, kind, needs, ...mayRole, yesOrNo(mayKey)];
  });
  return table(['procedure', 'kind', 'access', ...roles, 'API key'], rows);
}

function borders(text: string, name: string): { start: number; end: number } {
  const start = text.indexOf(`<!-- ${name} -->`);
  const end = text.indexOf(`<!-- /${name} -->`);
  if (start < 0 || end < start) throw new Error(`no <!-- ${name} --> ... <!-- /${name} --> in the text`);
  return { start: start + `<!-- ${name} -->`.length, end };
}

/** The programs that the README shows whole; the tests execute them. */
export const examples = ['first-call.ts', 'first-subscription.ts'] as const;

/** A program of tests/examples as the README shows it. */
export const exampleBlock = (name: string): string =>
  `\`\`\`ts\n${readFileSync(join(root, 'tests/examples', name), 'utf8').trim()}\n\`\`\``;

/** What stands between the markers of `name`. Faults: the markers are missing. */
export function section(text: string, name: string): string {
  const { start, end } = borders(text, name);
  return text.slice(start, end).trim();
}

/** `text` with `body` between the markers of `name`. Faults: the markers are missing. */
export function withSection(text: string, name: string, body: string): string {
  const { start, end } = borders(text, name);
  return `${text.slice(0, start)}\n${body}\n${text.slice(end)}`;
}
