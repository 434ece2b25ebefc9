import ts from 'typescript';
import { expect, test } from 'vitest';
import { descendants, parse, place, read, sourcePaths } from '../support/source.js';

const files = sourcePaths('src').map(parse);
const nodes = files.flatMap((file) => [...descendants(file)]);

/** Lines that hold more than space and comments. */
function linesOfCode(text: string): number {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return bare.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

test('the 95th percentile of function lengths is at most 35 lines', () => {
  // Tables of contents grow with what they list.
  const isTable = (node: ts.Node) =>
    ts.isFunctionDeclaration(node) && /^create(\w*Router|App)$/.test(node.name?.text ?? '');
  const lengths = nodes
    .filter((node) => ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !isTable(node))
    .map((node) => linesOfCode(node.getText()))
    .toSorted((a, b) => a - b);
  expect(lengths.length).toBeGreaterThan(10);
  expect(lengths[Math.floor(lengths.length * 0.95)]).toBeLessThanOrEqual(35);
});

test('suppressions give a reason, and there are no more of them than there were', () => {
  const paths = [...sourcePaths('src'), ...sourcePaths('tests')].filter(
    (path) => !path.startsWith('tests/architecture/'),
  );
  const suppressions = paths.flatMap((path) =>
    read(path)
      .split('\n')
      .filter((line) => /(oxlint|eslint)-disable|@ts-(expect-error|ignore|nocheck)|biome-ignore/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  expect(suppressions.filter((line) => !/ -- \w+/.test(line))).toEqual([]);
  // Lower this number when one goes; raising it takes a decision.
  expect(suppressions.length, suppressions.join('\n')).toBeLessThanOrEqual(2);
});

/** Programs of their own: they own their process, or run at a client's, far from our clock. */
const programs = ['src/main.ts', 'src/cli.ts', 'src/demo.ts', 'src/client.ts'];

/** Where `matches` holds outside `allowed`. */
const uses = (matches: (node: ts.Node) => boolean, allowed: string[]): string[] =>
  nodes.filter((node) => !allowed.includes(node.getSourceFile().fileName) && matches(node)).map(place);

const isName = (node: ts.Node | undefined, names: string[]): boolean =>
  node !== undefined && ts.isIdentifier(node) && names.includes(node.text);

/** Who am I, and soon: neither reads the outside nor changes it. */
const harmless = ['pid', 'nextTick'];

test('only the programs touch the process: its environment, arguments, output, signals and end', () => {
  const touchesProcess = (node: ts.Node): boolean =>
    (ts.isImportDeclaration(node) && /^'(node:)?process'$/.test(node.moduleSpecifier.getText())) ||
    (ts.isPropertyAccessExpression(node) && isName(node.expression, ['process']) && !isName(node.name, harmless));
  expect(uses(touchesProcess, programs.slice(0, 3))).toEqual([]);
});

const makesDateOfNow = (node: ts.Node): boolean =>
  (ts.isNewExpression(node) && isName(node.expression, ['Date']) && (node.arguments?.length ?? 0) === 0) ||
  (ts.isCallExpression(node) && isName(node.expression, ['Date']));

const asksForNow = (node: ts.Node): boolean =>
  ts.isPropertyAccessExpression(node) &&
  (isName(node.name, ['hrtime']) ||
    (isName(node.expression, ['Date', 'performance']) && isName(node.name, ['now', 'timeOrigin'])));

test('only the clock reads time', () => {
  const readsTime = (node: ts.Node): boolean => makesDateOfNow(node) || asksForNow(node);
  expect(uses(readsTime, ['src/kernel/clock.ts', ...programs])).toEqual([]);
  expect(uses(readsTime, programs).length, 'the clock itself must be found').toBeGreaterThan(0);
});

test('only the ids make randomness', () => {
  const sources = ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues'];
  const makesRandomness = (node: ts.Node): boolean =>
    (ts.isPropertyAccessExpression(node) && isName(node.expression, ['Math']) && isName(node.name, ['random'])) ||
    isName(node, sources);
  expect(uses(makesRandomness, ['src/kernel/ids.ts', ...programs])).toEqual([]);
  expect(uses(makesRandomness, programs).length, 'the ids themselves must be found').toBeGreaterThan(0);
});
