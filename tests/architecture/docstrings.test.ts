import ts from 'typescript';
import { expect, test } from 'vitest';
import { parse, place, sourcePaths } from '../support/source.js';

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

/** The first sentence of a statement's docstring; empty if it has none. */
function summary(statement: ts.Statement): string {
  const docs = ts.getJSDocCommentsAndTags(statement).filter((doc) => ts.isJSDoc(doc));
  return ts.getTextOfJSDocComment(docs.at(-1)?.comment)?.split('\n', 1)[0]?.trim() ?? '';
}

test('every export says what you get', () => {
  const exported = sourcePaths('src').flatMap((path) => parse(path).statements.filter(isExported));
  expect(exported.length).toBeGreaterThan(30);
  expect(exported.filter((statement) => !/^\S.{10,}/.test(summary(statement))).map(place)).toEqual([]);
});
