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

/** Whether a type is that of the schema above it, which has the same name and says what it is. */
function isTypeOfSchema(statement: ts.Statement): boolean {
  return ts.isTypeAliasDeclaration(statement) && statement.type.getText() === `z.infer<typeof ${statement.name.text}>`;
}

test('every export says what you get', () => {
  const exported = sourcePaths('src')
    .flatMap((path) => parse(path).statements.filter(isExported))
    .filter((statement) => !isTypeOfSchema(statement));
  expect(exported.length).toBeGreaterThan(30);
  expect(exported.filter((statement) => !/^\S.{10,}/.test(summary(statement))).map(place)).toEqual([]);
});
