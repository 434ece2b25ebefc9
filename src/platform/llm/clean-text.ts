/**
 * Text that any database and any JSON reader takes, from deltas that may hold anything.
 *
 * Shape: the halves of a surrogate pair that came in two deltas are joined; a half that stays alone and NUL become U+FFFD.
 */
export class CleanText {
  #held = '';

  /** What of the text so far can be passed on. */
  push(delta: string): string {
    const text = this.#held + delta;
    this.#held = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? '';
    return cleaned(this.#held === '' ? text : text.slice(0, -1));
  }

  /** What is left when no delta follows. */
  end(): string {
    return cleaned(this.#held);
  }
}

/** `text` with U+FFFD for every lone surrogate and NUL. */
export const cleaned = (text: string): string => text.replace(/[\p{Surrogate}\0]/gu, '\uFFFD');
