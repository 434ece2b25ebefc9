/** What is known when a process starts. */
export interface StartFacts {
  /** `EMBEDDER`. */
  wanted: 'auto' | 'neural' | 'lexical';
  isOffline: boolean;
  /** What is wrong with the neural model's files; null when they are complete. */
  flaw: string | null;
  /** The names of the spaces whose vectors this process can make now. */
  makeable: readonly string[];
  stored: readonly { name: string; isActive: boolean; vectors: number }[];
  /** Whether a person ever activated or dropped a space. */
  isDecidedByHand: boolean;
  names: { lexical: string; neural: string };
}

/** What a process does about spaces when it starts. */
export type StartPlan =
  | {
      type: 'serve';
      space: string;
      /** True when it takes over from a space that this process cannot serve, full or not. */
      isForced: boolean;
      /** The space to be filled and then activated by itself. */
      goal: string | null;
      /** Whether the neural model is to be fetched in the background. */
      isFetching: boolean;
      reason: string;
    }
  | { type: 'refuse'; message: string };

/**
 * Which space serves, where a move goes, and whether the model is fetched.
 *
 * Rules: the database says which space serves, so files that appear or vanish never put an empty space in its place.
 * Without an active space the fullest one counts as active (a database of an older program), else the preferred one
 * begins: neural where its files are, lexical elsewhere. A process that cannot serve the active space fetches its model
 * (`auto`), or moves to the space that `EMBEDDER` names, or refuses to start. A move by itself goes to the neural space
 * only, and never once a person has decided. An endpoint serves when a person activates it, never by itself.
 */
export function planStart(facts: StartFacts): StartPlan {
  const { wanted, flaw, names } = facts;
  if (wanted === 'neural' && flaw !== null)
    return refuse(`EMBEDDER=neural, but ${flaw}. Fetch the model with: npm run model:fetch`);
  const active = activeOf(facts);
  if (active === null) return serve(facts, preferred(facts), 'a new database');
  if (facts.makeable.includes(active)) return serve(facts, active, 'the database says so');
  if (wanted === 'auto') return unservable(facts, active);
  const space = wanted === 'neural' ? names.neural : names.lexical;
  return { ...serve(facts, space, `EMBEDDER=${wanted}; this process cannot serve ${active}`), isForced: true };
}

const refuse = (message: string): StartPlan => ({ type: 'refuse', message });

function activeOf({ stored }: StartFacts): string | null {
  const active = stored.find(({ isActive }) => isActive);
  if (active !== undefined) return active.name;
  const [fullest] = stored.filter(({ vectors }) => vectors > 0).toSorted((a, b) => b.vectors - a.vectors);
  return fullest?.name ?? null;
}

const preferred = ({ makeable, names }: StartFacts): string =>
  makeable.includes(names.neural) ? names.neural : names.lexical;

const mayFetch = ({ wanted, isOffline, flaw }: StartFacts): boolean => wanted === 'auto' && flaw !== null && !isOffline;

function serve(facts: StartFacts, space: string, reason: string): StartPlan & { type: 'serve' } {
  const { names, makeable, isDecidedByHand } = facts;
  const isFetching = mayFetch(facts);
  const isReachable = isFetching || makeable.includes(names.neural);
  const goal = isReachable && !isDecidedByHand && space !== names.neural ? names.neural : null;
  const why = facts.wanted === 'auto' && facts.flaw !== null ? `; the neural model is not here: ${facts.flaw}` : '';
  return { type: 'serve', space, isForced: false, goal, isFetching, reason: `${reason}${why}` };
}

function unservable(facts: StartFacts, active: string): StartPlan {
  const { names, flaw } = facts;
  const elsewhere = 'Or move to another space: EMBEDDER=lexical.';
  if (active !== names.neural)
    return refuse(
      `The space ${active} serves, and this process cannot make its vectors: set EMBEDDING_BASE_URL, EMBEDDING_MODEL ` +
        `and EMBEDDING_DIMENSIONS as they were, and not PROMPTWELL_OFFLINE. ${elsewhere}`,
    );
  if (!mayFetch(facts))
    return refuse(
      `The space ${active} serves, but ${flaw}, and PROMPTWELL_OFFLINE forbids fetching it. Put the files there. ${elsewhere}`,
    );
  return serve(facts, active, 'the database says so; it serves once its model is fetched');
}
