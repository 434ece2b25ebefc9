import type { Screen } from './screen.js';
import type { Finding } from './story.js';

/** How well the questions were answered. */
export interface Score {
  asked: number;
  /** Questions whose first hit is on their theme. */
  first: number;
  /** Questions with a hit on their theme among the first three. */
  firstThree: number;
}

const themeOf = (hit: Finding['hits'][number] | undefined): string => hit?.prompt.tags[0] ?? 'nothing';

/** Counts how often the theme was right. */
export function scoreOf(findings: readonly Finding[]): Score {
  return {
    asked: findings.length,
    first: findings.filter(({ theme, hits }) => themeOf(hits[0]) === theme).length,
    firstThree: findings.filter(({ theme, hits }) => hits.some((hit) => themeOf(hit) === theme)).length,
  };
}

/** Every question with its first hit, right or wrong, and the words that speak for it, the most telling first. */
export function showFindings(screen: Screen, findings: readonly Finding[]): void {
  const { green, red } = screen.colors;
  const rows = findings.map(({ theme, query, hits }) => {
    const found = themeOf(hits[0]);
    const verdict = found === theme ? green('✔') : red(`✘ ${found}`);
    const [first] = hits;
    const words = first?.matchedWords.join(' ') ?? '';
    return [theme, query, first?.prompt.text ?? '', words, first?.score.toFixed(2) ?? '', verdict];
  });
  screen.table(
    [
      { name: 'theme', width: 8 },
      { name: 'asked in other words', width: 42 },
      { name: 'first hit', width: 18 },
      { name: 'words in both', width: 14 },
      { name: 'score', width: 6 },
      { name: '', width: 10 },
    ],
    rows,
  );
}
