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

/** Every question with its first hit, right or wrong. */
export function showFindings(screen: Screen, findings: readonly Finding[]): void {
  const { green, red } = screen.colors;
  const rows = findings.map(({ theme, query, hits }) => {
    const found = themeOf(hits[0]);
    const verdict = found === theme ? green('✔') : red(`✘ ${found}`);
    return [theme, query, hits[0]?.prompt.text ?? '', hits[0]?.score.toFixed(2) ?? '', verdict];
  });
  screen.table(
    [
      { name: 'theme', width: 8 },
      { name: 'asked in other words', width: 50 },
      { name: 'first hit', width: 23 },
      { name: 'score', width: 6 },
      { name: '', width: 10 },
    ],
    rows,
  );
}
