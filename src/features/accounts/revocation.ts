/** The channel on which the end of credentials is told to every process. */
export const revocationChannel = 'promptwell_session';

/**
 * What has ended: everything of a user, one log-in, or one API key. `membership`: what a user may do has changed, so
 * nobody may remember it otherwise, and whatever the user has open is checked.
 */
export interface Revocation {
  of: 'user' | 'session' | 'apiKey' | 'membership';
  id: string;
}

const kinds: readonly string[] = ['user', 'session', 'apiKey', 'membership'] satisfies Revocation['of'][];
const isKind = (text: string | undefined): text is Revocation['of'] => text !== undefined && kinds.includes(text);

/** A revocation as a notification's payload: `<of>:<id>`. */
export const revocationPayload = ({ of, id }: Revocation): string => `${of}:${id}`;

/** The revocation that a payload names; null for anything else. */
export function parseRevocation(payload: string): Revocation | null {
  const [of, id] = payload.split(':');
  return isKind(of) && id !== undefined ? { of, id } : null;
}
