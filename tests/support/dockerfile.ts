import { z } from 'zod';

/** One instruction, its continued lines joined. */
export interface Instruction {
  keyword: string;
  text: string;
  line: number;
}

/** What stands between one FROM and the next. */
export interface Stage {
  name: string;
  base: string;
  instructions: Instruction[];
}

/** A COPY: from another stage, or from the context. */
export interface Copy {
  from: string | null;
  sources: string[];
  target: string;
}

/** What is known of an instruction; every other one is refused rather than passed over. */
const keywords = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'HEALTHCHECK', 'CMD'];

/** The stages of a Dockerfile, in order. Faults: an instruction that `keywords` does not hold. */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const instruction of instructions(text)) {
    if (!keywords.includes(instruction.keyword))
      throw new Error(`Dockerfile:${instruction.line}: ${instruction.keyword} is not known here`);
    if (instruction.keyword === 'FROM') {
      const [, base = '', , name = String(stages.length)] = /^(\S+)(\s+AS\s+(\S+))?$/i.exec(instruction.text) ?? [];
      stages.push({ name, base, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function* instructions(text: string): Generator<Instruction> {
  let joined = '';
  let begin = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (joined === '') begin = index + 1;
    joined += line.replace(/\\\s*$/, '');
    if (/\\\s*$/.test(line)) continue;
    const [, keyword = '', rest = ''] = /^\s*(\w+)\s+([\s\S]*)$/.exec(joined) ?? [];
    yield { keyword: keyword.toUpperCase(), text: rest.trim(), line: begin };
    joined = '';
  }
}

/** The words of an instruction in its JSON form. Faults: another form, which a shell would read. */
export const jsonWords = (text: string): string[] => z.array(z.string()).parse(JSON.parse(text));

/** The command of a HEALTHCHECK. */
export const healthCommand = (text: string): string[] => jsonWords(/\bCMD\s+(.*)$/.exec(text)?.[1] ?? '');

/** What a COPY says. */
export function copyOf(text: string): Copy {
  const words = text.split(/\s+/);
  const from = words[0]?.startsWith('--from=') === true ? (words.shift() ?? '').slice('--from='.length) : null;
  const flag = words.find((word) => word.startsWith('--'));
  if (flag !== undefined) throw new Error(`COPY ${flag} is not known here`);
  return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
}

/** The variables of an ENV. */
export const variablesOf = (text: string): Record<string, string> =>
  Object.fromEntries(text.split(/\s+/).map((pair) => pair.split('=', 2) as [string, string]));

/**
 * Whether a path stays outside of the build by a `.dockerignore`.
 *
 * Source: Docker's reference: the last line that matches a path or a folder above it decides; `!` lets in.
 */
export function ignoredBy(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isException: line.startsWith('!'), form: formOf(line.replace(/^!/, '')) }));
  return (path) => {
    const parts = path.split('/');
    const ways = parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
    return rules.reduce(
      (isOut, { isException, form }) => (ways.some((way) => form.test(way)) ? !isException : isOut),
      false,
    );
  };
}

/** A pattern as an expression: `*` within one name, `**` across names. */
function formOf(pattern: string): RegExp {
  const escaped = pattern.replace(/^\/|\/$/g, '').replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const source = escaped.replaceAll(/\*\*\/?|\*|\?/g, (mark) => ({ '*': '[^/]*', '?': '[^/]' })[mark] ?? '.*');
  return new RegExp(`^${source}$`);
}
