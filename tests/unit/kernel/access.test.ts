import { expect, test } from 'vitest';
import { keyScopes, mayDo, type Principal, type Role, roleScopes } from '../../../src/kernel/access.js';
import { Fault, invalidField, notFound } from '../../../src/kernel/fault.js';

const bearer = (scopes: Principal['scopes']): Principal => ({
  kind: scopes === null ? 'session' : 'apiKey',
  userId: 'u',
  sessionId: null,
  apiKeyId: null,
  expiresAtMs: null,
  defaultProjectId: 'p',
  isAdministrator: false,
  roles: new Map(),
  scopes,
});

test('a session may do what its role may, a key only what it was given besides', () => {
  for (const role of Object.keys(roleScopes) as Role[])
    for (const scope of keyScopes) {
      expect(mayDo(bearer(null), role, scope)).toBe(roleScopes[role].includes(scope));
      expect(mayDo(bearer([scope]), role, scope)).toBe(roleScopes[role].includes(scope));
      expect(mayDo(bearer([]), role, scope)).toBe(false);
    }
  expect(mayDo(bearer(null), 'viewer', 'prompts:write')).toBe(false);
  expect(mayDo(bearer([...keyScopes]), 'owner', 'keys:manage')).toBe(false);
});

test('a fault names its field, and an absent thing is told like a foreign one', () => {
  expect(invalidField('text', 'is bad')).toMatchObject({
    kind: 'invalid',
    message: 'text: is bad',
    details: { issues: [{ path: 'text', message: 'is bad' }] },
  });
  expect(invalidField('', 'is bad').message).toBe('is bad');
  expect(notFound('prompt')).toBeInstanceOf(Fault);
  expect(new Fault('upstream', 'm', {}, 'cause').cause).toBe('cause');
  expect('cause' in new Fault('upstream', 'm')).toBe(false);
});
