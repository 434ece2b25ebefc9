import { writeFileSync } from 'node:fs';

/** One line of a plot. */
export interface Line {
  name: string;
  /** Pairs of size and cost, both above zero, sizes rising. */
  points: readonly (readonly [size: number, cost: number])[];
}

/** What a plot shows and where it goes. */
export interface Plot {
  title: string;
  /** What the axes count, with units: `prompts`, `p50, ms`. */
  across: string;
  up: string;
  lines: readonly Line[];
}

const size = { width: 720, height: 420, left: 70, right: 190, top: 48, bottom: 52 };
// Okabe and Ito's colours: told apart by colour-blind readers too.
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

/** Writes a plot of cost against size as SVG, both axes by powers of ten: a straight line is a power law. */
export function writePlot(path: string, plot: Plot): void {
  writeFileSync(path, svgOf(plot));
}

function svgOf(plot: Plot): string {
  const points = plot.lines.flatMap((line) => [...line.points]);
  const x = scale(
    points.map(([at]) => at),
    size.left,
    size.width - size.right,
  );
  const y = scale(
    points.map(([, cost]) => cost),
    size.height - size.bottom,
    size.top,
  );
  const lines = plot.lines.map((line, index) =>
    drawLine(line, { colour: colours[index % colours.length] ?? '', x, y }),
  );
  const middle = (size.left + size.width - size.right) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${size.left}" y="24" font-size="16">${escaped(plot.title)}</text>`,
    ...x.ticks.map((tick) => gridLine(x.at(tick), 'across', tick)),
    ...y.ticks.map((tick) => gridLine(y.at(tick), 'up', tick)),
    `<text x="${middle}" y="${size.height - 12}" text-anchor="middle">${escaped(plot.across)}</text>`,
    `<text x="16" y="${size.top - 10}">${escaped(plot.up)}</text>`,
    ...lines,
    ...legend(plot.lines, y),
    '</svg>\n',
  ].join('\n');
}

interface Scale {
  at(value: number): number;
  ticks: number[];
}

/** Powers of ten from below the least to above the greatest value. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const least = Math.floor(Math.log10(Math.min(...values)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index));
  return { at: (value) => from + ((Math.log10(value) - least) / (most - least)) * (to - from), ticks };
}

function gridLine(at: number, way: 'across' | 'up', tick: number): string {
  const place = at.toFixed(1);
  const text = tick >= 1 ? tick.toLocaleString('en').replaceAll(',', ' ') : String(Number(tick.toPrecision(1)));
  if (way === 'across')
    return (
      `<path d="M${place} ${size.top}V${size.height - size.bottom}" stroke="#ddd"/>` +
      `<text x="${place}" y="${size.height - size.bottom + 16}" text-anchor="middle" fill="#555">${text}</text>`
    );
  return (
    `<path d="M${size.left} ${place}H${size.width - size.right}" stroke="#ddd"/>` +
    `<text x="${size.left - 6}" y="${place}" dy="4" text-anchor="end" fill="#555">${text}</text>`
  );
}

function drawLine(line: Line, { colour, x, y }: { colour: string; x: Scale; y: Scale }): string {
  const places = line.points.map(([at, cost]) => [x.at(at).toFixed(1), y.at(cost).toFixed(1)] as const);
  const dots = places.map(([left, top]) => `<circle cx="${left}" cy="${top}" r="3" fill="${colour}"/>`);
  return `<path d="M${places.map((place) => place.join(' ')).join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
}

/** The names at the ends of their lines, moved apart where they would cover each other. */
function legend(lines: readonly Line[], y: Scale): string[] {
  const ends = lines
    .map((line, index) => ({ line, index, top: y.at(line.points.at(-1)?.[1] ?? 1) }))
    .toSorted((left, right) => left.top - right.top);
  let last = -Infinity;
  return ends.map(({ line, index, top }) => {
    last = Math.max(top, last + 15);
    const colour = colours[index % colours.length] ?? '';
    return `<text x="${size.width - size.right + 10}" y="${last.toFixed(1)}" dy="4" fill="${colour}">${escaped(line.name)}</text>`;
  });
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
