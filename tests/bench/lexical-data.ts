import { existsSync, readFileSync } from 'node:fs';

/** A text and what its neighbours should share with it. */
export interface LabelledText {
  text: string;
  label: string;
}

/** Two sentences and how alike people found them, from 0 to 5. */
export interface JudgedPair {
  left: string;
  right: string;
  score: number;
}

/** Texts that are stored, and others that are asked for. */
export interface RetrievalSet {
  name: string;
  stored: LabelledText[];
  queries: LabelledText[];
}

/** Beside the project's folder, never inside it: the data has licences of its own. */
const dataFolder = new URL('../../../shared/data/', import.meta.url);

/** Whether the labelled text is on this machine. */
export const hasData = (): boolean => existsSync(new URL('stsb-en-dev.csv', dataFolder));

/** STS benchmark, development part: 1 500 pairs. Source: stsb-multi-mt, scores CC BY-SA 4.0. */
export function readStsPairs(): JudgedPair[] {
  return readCsv('stsb-en-dev.csv').map(([left = '', right = '', score = '']) => ({
    left,
    right,
    score: Number(score),
  }));
}

/** clinc150: 150 intents, 15 000 training texts asked for by 4 500 of the test part. Source: clinc/oos-eval, CC BY 3.0. */
export function readClinc(): RetrievalSet {
  const parts = JSON.parse(read('clinc150-data_full.json')) as Record<'train' | 'test', [string, string][]>;
  const toTexts = (rows: [string, string][]): LabelledText[] => rows.map(([text, label]) => ({ text, label }));
  return { name: 'clinc150, test against train', stored: toTexts(parts.train), queries: toTexts(parts.test) };
}

/** banking77, training part: 77 intents; every second text is stored, the others ask. Source: PolyAI, CC BY 4.0. */
export function readBanking(): RetrievalSet {
  const texts = readCsv('banking77-train.csv').slice(1);
  const labelled = texts.map(([text = '', label = '']) => ({ text, label }));
  const ofParity = (parity: number): LabelledText[] => labelled.filter((_, index) => index % 2 === parity);
  return { name: 'banking77-train, one half against the other', stored: ofParity(0), queries: ofParity(1) };
}

/** Real, hard prompts, two of each topic: does a prompt find its mate? Source: lm-sys/arena-hard-auto, Apache-2.0. */
export function readArenaPrompts(): LabelledText[] {
  const lines = read('arena_hard_question.jsonl').trim().split('\n');
  return lines.map((line) => {
    const { cluster, turns } = JSON.parse(line) as { cluster: string; turns: { content: string }[] };
    return { text: turns[0]?.content ?? '', label: cluster };
  });
}

/** The lines of a file of the data folder. */
export const readLines = (name: string): string[] => read(name).split('\n');

function read(name: string): string {
  return readFileSync(new URL(name, dataFolder), 'utf8');
}

/** The rows of a comma-separated file whose quoted cells double their quote marks and may hold line breaks. */
function readCsv(name: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of read(name).matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n"]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    if (row.length > 1) rows.push(row);
    row = [];
  }
  return rows;
}
