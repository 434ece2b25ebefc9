/**
 * How well the lexical model finds what belongs together, against plain hashing and BM25 in the same run.
 *
 * Run: `npx tsx tests/bench/lexical-quality.ts` (a sample of 1 000 queries a set) or with `--full` (every query).
 */
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import {
  hasData,
  type JudgedPair,
  type RetrievalSet,
  readArenaPrompts,
  readBanking,
  readClinc,
  readStsPairs,
} from './lexical-data.js';
import { bm25, byCosine, dot, type Embed, embedByPlainHashing, type Method } from './lexical-peers.js';
import { readThemes } from './lexical-themes.js';

const model = createLexicalModel();
const embedLexically: Embed = (text) => model.embed([text])[0]?.vector ?? new Float32Array();
const methods = [byCosine('lexical-1', embedLexically), byCosine('plain hashing', embedByPlainHashing), bm25];
const sampleSize = process.argv.includes('--full') ? Number.POSITIVE_INFINITY : 1_000;

if (hasData()) for (const line of report()) console.log(line);
else console.log('Skipped: ../shared/data with STS-B, clinc150, banking77 and arena-hard is not on this machine.');

function* report(): Generator<string> {
  yield `| measure | ${methods.map(({ name }) => name).join(' | ')} |`;
  yield `| --- |${' ---: |'.repeat(methods.length)}`;
  const pairs = readStsPairs();
  const correlations = [embedLexically, embedByPlainHashing].map((embed) => spearman(pairs, embed).toFixed(3));
  yield `| STS-B dev, Spearman (${pairs.length} pairs) | ${correlations.join(' | ')} | |`;
  for (const set of [readClinc(), readBanking()]) yield* retrievalRows(set);
  yield arenaRow();
  yield themeRow(readThemes());
  yield* timeRows();
}

function* retrievalRows({ name, stored, queries }: RetrievalSet): Generator<string> {
  const asked = sampleOf(queries, sampleSize);
  const results = methods.map((method) => {
    const score = method.index(stored.map(({ text }) => text));
    const hits = asked.map(({ text, label }) => best(score(text), 10).map((row) => stored[row]?.label === label));
    return { precision: mean(hits.map(precisionAt5)), gain: mean(hits.map(gainAt10)) };
  });
  const cells = (pick: (result: (typeof results)[number]) => number): string =>
    results.map((result) => pick(result).toFixed(3)).join(' | ');
  yield `| ${name}, precision@5 (${asked.length} queries) | ${cells(({ precision }) => precision)} |`;
  yield `| ${name}, nDCG@10 | ${cells(({ gain }) => gain)} |`;
}

/** Each prompt has one mate of its topic among 499 others. */
function arenaRow(): string {
  const prompts = readArenaPrompts();
  const cells = methods.map((method: Method) => {
    const score = method.index(prompts.map(({ text }) => text));
    const isFound = prompts.map(({ text, label }, self) => {
      const scores = score(text);
      scores[self] = Number.NEGATIVE_INFINITY;
      return best(scores, 5).some((row) => prompts[row]?.label === label);
    });
    return mean(isFound.map(Number)).toFixed(3);
  });
  return `| arena-hard prompts, the other of its topic among the first 5 (${prompts.length}) | ${cells.join(' | ')} |`;
}

function themeRow({ name, stored, queries }: RetrievalSet): string {
  const cells = methods.map((method) => {
    const score = method.index(stored.map(({ text }) => text));
    const isFound = queries.map(({ text, label }) => stored[best(score(text), 1)[0] ?? 0]?.label === label);
    return mean(isFound.map(Number)).toFixed(3);
  });
  return `| ${name}, first hit of the right theme (${queries.length}; not held out) | ${cells.join(' | ')} |`;
}

function* timeRows(): Generator<string> {
  const sentences = readStsPairs().flatMap(({ left, right }) => [left, right]);
  const prompts = readArenaPrompts().map(({ text }) => text);
  for (const [name, texts] of [
    ['sentence', sentences],
    ['prompt', prompts],
  ] as const) {
    const cells = [embedLexically, embedByPlainHashing].map((embed) => microsecondsPerText(texts, embed).toFixed(0));
    const length = Math.round(mean(texts.map((text) => text.length)));
    yield `| microseconds a ${name} of ${length} characters (one thread, warm) | ${cells.join(' | ')} | |`;
  }
}

/** The fastest of five passes, since the machine is shared; the first warms the engine and the model's cache. */
function microsecondsPerText(texts: readonly string[], embed: Embed): number {
  const passesMs = Array.from({ length: 5 }, () => {
    const startMs = performance.now();
    texts.forEach(embed);
    return performance.now() - startMs;
  });
  return (Math.min(...passesMs) * 1_000) / texts.length;
}

/** Source: Spearman's correlation is Pearson's over ranks, ties sharing their mean rank. */
function spearman(pairs: readonly JudgedPair[], embed: Embed): number {
  const judged = ranksOf(pairs.map(({ score }) => score));
  const measured = ranksOf(pairs.map(({ left, right }) => dot(embed(left), embed(right))));
  const middle = (pairs.length + 1) / 2;
  const covariance = (left: number[], right: number[]): number =>
    left.reduce((sum, rank, index) => sum + (rank - middle) * ((right[index] ?? 0) - middle), 0);
  return covariance(judged, measured) / Math.sqrt(covariance(judged, judged) * covariance(measured, measured));
}

function ranksOf(values: readonly number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((left, right) => left.value - right.value);
  const ranks = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && order[end]?.value === order[start]?.value) end += 1;
    for (const { index } of order.slice(start, end)) ranks[index] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/** The places of the `count` highest scores, highest first; ties go to the earlier place. */
function best(scores: Float32Array, count: number): number[] {
  const top: number[] = [];
  scores.forEach((score, row) => {
    if (top.length === count && score <= (scores[top[count - 1] ?? 0] ?? 0)) return;
    const place = top.findIndex((other) => score > (scores[other] ?? 0));
    top.splice(place === -1 ? top.length : place, 0, row);
    top.length = Math.min(top.length, count);
  });
  return top;
}

function precisionAt5(hits: readonly boolean[]): number {
  return mean(hits.slice(0, 5).map(Number));
}

/** Source: Järvelin and Kekäläinen (2002), gain 1 for the same label; every label has at least ten stored texts. */
function gainAt10(hits: readonly boolean[]): number {
  const discount = (place: number): number => 1 / Math.log2(place + 2);
  const ideal = hits.reduce((sum, _, place) => sum + discount(place), 0);
  return hits.reduce((sum, isHit, place) => sum + (isHit ? discount(place) : 0), 0) / ideal;
}

function sampleOf<T>(items: readonly T[], size: number): T[] {
  const step = Math.max(1, items.length / size);
  return Array.from({ length: Math.min(size, items.length) }, (_, index) => items[Math.floor(index * step)] as T);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
