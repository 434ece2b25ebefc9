/** Why the database cannot be opened, in words for the person who started the process. Never holds a password. */
export class DatabaseStartError extends Error {
  override readonly name = 'DatabaseStartError';
}
