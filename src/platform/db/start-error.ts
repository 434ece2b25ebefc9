/** Why the database cannot be opened, in words for the person who started the process. Never holds a password. */
export class DatabaseStartError extends Error {
  override readonly name = 'DatabaseStartError';
}

/** What a thrown thing says. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
