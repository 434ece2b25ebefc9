import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file of the repository, by its path from the root. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Paths from the root of the TypeScript files in `folder`; the generated database client is nobody's handwriting. */
export function sourcePaths(folder: string, base = root): string[] {
  return readdirSync(join(base, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/platform/db/generated/'))
    .toSorted();
}

/** A file as TypeScript parses it. */
export function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(path), { languageVersion: ts.ScriptTarget.ES2023 }, true);
}

/** Every node below `node`, parents first. */
export function* descendants(node: ts.Node): Generator<ts.Node> {
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) {
    yield child;
    yield* descendants(child);
  }
}

/** Where a node stands, as `path:line`. */
export function place(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
