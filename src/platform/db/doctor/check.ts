/** One thing that can be wrong with stored rows. A further check is one more entry in a list of these. */
export interface Check {
  /** Kebab-case, unique. */
  name: string;
  /** A problem wants somebody to act; a note is for who wants to know. */
  severity: 'problem' | 'note';
  /** What was found, to be read after a number. */
  what: string;
  why: string;
  advice: string;
  /** One row for each thing at fault, with an `id` to find it by. Reads only. */
  sql: string;
  /** What `$1` and so on stand for. */
  values?: readonly unknown[];
}

/** What some checks compare with. */
export interface DoctorLimits {
  /** How long events are kept. */
  retentionMs: number;
}
