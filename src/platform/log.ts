/** Structured log lines: facts first, then a sentence. Rooms get a child that already bears their name. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
