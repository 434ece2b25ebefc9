import { type Board, heightOf, meanings, type Panel, thresholds, widthOf } from '../dashboards/model.js';
import { ticks, written } from './figures.js';
import type { Line } from './prometheus.js';

/** A series to draw: the legend with its labels filled in. */
interface Drawn {
  legend: string;
  points: [number, number][];
  color: string;
}

/** What a panel shows. */
export type Shown = Map<Panel, { legend: string; lines: Line[] }[]>;

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const pageWidth = 1_680;
const unitHeight = 38;
const gap = 8;
const rowHeight = 34;
const headHeight = 64;
const color = {
  page: '#111217',
  panel: '#181b1f',
  edge: '#2c3235',
  text: '#ccccdc',
  faint: '#8e8e9a',
  grid: '#24272c',
};
const named: Record<string, string> = { green: '#73bf69', orange: '#ff9830', red: '#f2495c' };
/** Grafana's classic palette. */
const palette =
  '#7eb26d #eab839 #6ed0e0 #ef843c #e24d42 #1f78c1 #ba43a9 #705da0 #508642 #cca300 #447ebc #c15c17 #890f02 #0a437c #6d1f62 #584477'.split(
    ' ',
  );

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

interface TextStyle {
  size?: number;
  fill?: string;
  anchor?: 'start' | 'middle' | 'end';
  weight?: number;
}

const text = (at: { x: number; y: number }, words: string, style: TextStyle = {}): string => {
  const { size = 12, fill = color.text, anchor = 'start', weight = 400 } = style;
  const rest = `${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}${weight === 400 ? '' : ` font-weight="${weight}"`}`;
  return `<text x="${at.x}" y="${at.y}" font-size="${size}" fill="${fill}"${rest}>${escaped(words)}</text>`;
};

/** `{{label}}` of a legend becomes the series' label. */
const filled = (legend: string, labels: Record<string, string>): string =>
  legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? '');

function drawnOf(answers: { legend: string; lines: Line[] }[]): Drawn[] {
  const series = answers.flatMap(({ legend, lines }) =>
    lines.map(({ labels, points }) => ({ legend: filled(legend, labels), points })),
  );
  return series.map((one, index) => {
    const meant = named[meanings[one.legend] ?? ''];
    return { ...one, color: meant ?? palette[index % palette.length] ?? color.text };
  });
}

const last = (points: [number, number][]): number =>
  points.findLast(([, value]) => Number.isFinite(value))?.[1] ?? Number.NaN;

/** The colour of a value by the panel's thresholds. */
function colorOf(panel: Panel, value: number): string {
  const step = thresholds(panel).findLast(({ from }) => from === null || value >= from);
  return panel.marks === undefined ? color.text : (named[step?.color ?? 'green'] ?? color.text);
}

/** Where times and values are within a plot. */
interface Plane {
  box: Box;
  start: number;
  end: number;
  max: number;
}

const across = ({ box, start, end }: Plane, seconds: number): number =>
  Math.round(box.x + ((seconds - start) / (end - start)) * box.width);
const up = ({ box, max }: Plane, value: number): number =>
  Math.round(box.y + box.height - Math.min(1, Math.max(0, value / max)) * box.height);

/** A path through the points, interrupted where there is no value. */
function pathOf(plane: Plane, points: [number, number][]): string {
  let isDown = false;
  return points
    .map(([seconds, value]) => {
      if (!Number.isFinite(value)) {
        isDown = false;
        return '';
      }
      const step = `${isDown ? 'L' : 'M'}${across(plane, seconds)} ${up(plane, value)}`;
      isDown = true;
      return step;
    })
    .join('');
}

/** A closed path between two lines of equal times. */
function bandOf(plane: Plane, lower: [number, number][], upper: [number, number][]): string {
  const edge = [...upper, ...lower.toReversed()];
  return edge.length === 0
    ? ''
    : `${edge.map(([seconds, value], index) => `${index === 0 ? 'M' : 'L'}${across(plane, seconds)} ${up(plane, value)}`).join('')}Z`;
}

/** Each series on top of those before it. */
function stacked(series: Drawn[], times: number[]): { lower: [number, number][]; upper: [number, number][] }[] {
  const floor = new Map(times.map((time) => [time, 0]));
  return series.map(({ points }) => {
    const values = new Map(points);
    const lower = times.map((time): [number, number] => [time, floor.get(time) ?? 0]);
    const upper = times.map((time): [number, number] => {
      const value = values.get(time) ?? 0;
      return [time, (floor.get(time) ?? 0) + (Number.isFinite(value) ? value : 0)];
    });
    for (const [time, value] of upper) floor.set(time, value);
    return { lower, upper };
  });
}

function curves(panel: Panel, series: Drawn[], plane: Plane): string {
  if (panel.shape !== 'stack')
    return series
      .map((one) => `<path d="${pathOf(plane, one.points)}" fill="none" stroke="${one.color}" stroke-width="1.6"/>`)
      .join('');
  const times = [...new Set(series.flatMap(({ points }) => points.map(([time]) => time)))].toSorted((a, b) => a - b);
  return stacked(series, times)
    .map(({ lower, upper }, index) => {
      const fill = series[index]?.color ?? color.text;
      return `<path d="${bandOf(plane, lower, upper)}" fill="${fill}" fill-opacity="0.45"/><path d="${pathOf(plane, upper)}" fill="none" stroke="${fill}"/>`;
    })
    .join('');
}

function highest(panel: Panel, series: Drawn[]): number {
  const values = (points: [number, number][]): number[] => points.map(([, value]) => value).filter(Number.isFinite);
  if (panel.shape !== 'stack') return Math.max(0, ...series.flatMap(({ points }) => values(points)));
  const times = [...new Set(series.flatMap(({ points }) => points.map(([time]) => time)))];
  return Math.max(0, ...stacked(series, times).flatMap(({ upper }) => values(upper)));
}

const clock = (seconds: number): string => new Date(seconds * 1_000).toISOString().slice(11, 19);

function axes(panel: Panel, plane: Plane, marks: number[]): string {
  const { box } = plane;
  const levels = marks.map((value) => {
    const y = up(plane, value);
    return `<path d="M${box.x} ${y}h${box.width}" stroke="${color.grid}"/>${text({ x: box.x - 6, y: y + 4 }, written(value, panel.unit), { size: 10, fill: color.faint, anchor: 'end' })}`;
  });
  const times = [0, 1, 2, 3].map((index) => {
    const seconds = plane.start + ((plane.end - plane.start) * (index + 0.5)) / 4;
    return text({ x: across(plane, seconds), y: box.y + box.height + 14 }, clock(seconds), {
      size: 10,
      fill: color.faint,
      anchor: 'middle',
    });
  });
  const limits = thresholds(panel)
    .filter(({ from }) => from !== null && panel.marks !== undefined && from <= plane.max)
    .map(
      ({ from, color: name }) =>
        `<path d="M${box.x} ${up(plane, from ?? 0)}h${box.width}" stroke="${named[name]}" stroke-dasharray="6 5" stroke-opacity="0.7"/>`,
    );
  return [...levels, ...times, ...limits].join('');
}

/** About how wide small text is; there is nothing to measure with. */
const widthOfText = (words: string): number => words.length * 6.4;

const legendLines = 5;
const lineHeight = 15;

/** A name with its last value, and where it stands: as many side by side as fit. */
interface Entry {
  one: Drawn;
  figure: string;
  x: number;
  line: number;
}

function legendOf(panel: Panel, series: Drawn[], width: number): Entry[] {
  let [x, line] = [0, 0];
  return series.map((one) => {
    const value = last(one.points);
    const figure = Number.isNaN(value) ? '-' : written(value, panel.unit);
    const needed = 36 + widthOfText(one.legend) + widthOfText(figure);
    if (x + needed > width && x > 0) [x, line] = [0, line + 1];
    const entry = { one, figure, x, line };
    x += needed;
    return entry;
  });
}

function drawLegend(entries: Entry[], box: Box): string {
  const shown = entries.filter(({ line }) => line < legendLines);
  const parts = shown.map(({ one, figure, x, line }) => {
    const [left, y] = [Math.round(box.x + x), box.y + line * lineHeight + 10];
    return `<path d="M${left} ${y - 4}h12" stroke="${one.color}" stroke-width="3"/><text x="${left + 17}" y="${y}" font-size="10.5" fill="${color.text}">${escaped(one.legend)}<tspan dx="7" fill="${color.faint}">${escaped(figure)}</tspan></text>`;
  });
  const rest = entries.length - shown.length;
  const end = { x: box.x + box.width, y: box.y + (legendLines - 1) * lineHeight + 10 };
  if (rest > 0) parts.push(text(end, `and ${rest} more`, { size: 10, fill: color.faint, anchor: 'end' }));
  return parts.join('');
}

function graph(panel: Panel, series: Drawn[], frame: { box: Box; start: number; end: number }): string {
  const { box, start, end } = frame;
  const entries = legendOf(panel, series, box.width - 24);
  const lines = Math.min(legendLines, (entries.at(-1)?.line ?? 0) + 1);
  const marks = ticks(panel.max ?? highest(panel, series), panel.unit);
  const plane: Plane = {
    box: { x: box.x + 76, y: box.y + 36, width: box.width - 92, height: box.height - 70 - lines * lineHeight },
    start,
    end,
    max: marks.at(-1) ?? 1,
  };
  const below = {
    x: box.x + 12,
    y: box.y + box.height - lines * lineHeight - 6,
    width: box.width - 24,
    height: lines * lineHeight,
  };
  return axes(panel, plane, marks) + curves(panel, series, plane) + drawLegend(entries, below);
}

function stat(panel: Panel, series: Drawn[], frame: { box: Box; start: number; end: number }): string {
  const { box, start, end } = frame;
  const [first] = series;
  const middle = box.x + box.width / 2;
  if (first === undefined)
    return text({ x: middle, y: box.y + box.height / 2 }, 'No data', { anchor: 'middle', fill: color.faint });
  if (panel.text === 'name')
    return series
      .map(({ legend: words, points }, index) =>
        text(
          { x: box.x + ((index + 0.5) * box.width) / series.length, y: box.y + box.height / 2 + 18 },
          `${words} (${written(last(points), panel.unit)})`,
          { size: 20, anchor: 'middle', weight: 500 },
        ),
      )
      .join('');
  const value = last(first.points);
  const fill = colorOf(panel, value);
  const area: Plane = {
    box: { x: box.x + 2, y: box.y + box.height * 0.62, width: box.width - 4, height: box.height * 0.36 },
    start,
    end,
    max: highest(panel, [first]) || 1,
  };
  const times = first.points.filter(([, one]) => Number.isFinite(one));
  const floor = times.map(([time]): [number, number] => [time, 0]);
  return `<path d="${bandOf(area, floor, times)}" fill="${fill}" fill-opacity="0.15"/><path d="${pathOf(area, times)}" fill="none" stroke="${fill}"/>${text({ x: middle, y: box.y + box.height / 2 + 14 }, written(value, panel.unit), { size: 28, fill, anchor: 'middle', weight: 500 })}`;
}

/** One panel: its frame, its title, what it shows. */
function drawPanel(
  panel: Panel,
  answers: { legend: string; lines: Line[] }[],
  frame: { box: Box; start: number; end: number },
): string {
  const { box } = frame;
  const series = drawnOf(answers);
  const inside = panel.shape === 'stat' ? stat(panel, series, frame) : graph(panel, series, frame);
  return `<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="3" fill="${color.panel}" stroke="${color.edge}"/>${text({ x: box.x + 12, y: box.y + 21 }, panel.title, { size: 13, weight: 600 })}${inside}`;
}

/** Where Grafana puts the panels of a row: side by side, and on where the line is full. */
function placed(panels: readonly Panel[], top: number): { panel: Panel; box: Box }[] {
  const column = (pageWidth - gap) / 24;
  let [x, y, tallest] = [0, top, 0];
  return panels.map((panel) => {
    const [wide, high] = [widthOf(panel), heightOf(panel)];
    if (x + wide > 24) [x, y, tallest] = [0, y + tallest, 0];
    const box = {
      x: Math.round(gap + x * column),
      y,
      width: Math.round(wide * column - gap),
      height: high * unitHeight - gap,
    };
    x += wide;
    tallest = Math.max(tallest, high * unitHeight);
    return { panel, box };
  });
}

/** A dashboard as Grafana would show it, as SVG. */
export function pictureOf(board: Board, shown: Shown, span: { start: number; end: number }): string {
  const parts: string[] = [];
  let top = headHeight;
  for (const [title, panels] of Object.entries(board.rows)) {
    parts.push(text({ x: gap + 4, y: top + 22 }, `⌄  ${title}`, { size: 15, weight: 600 }));
    const boxes = placed(panels, top + rowHeight);
    for (const { panel, box } of boxes) parts.push(drawPanel(panel, shown.get(panel) ?? [], { box, ...span }));
    top = Math.max(...boxes.map(({ box }) => box.y + box.height)) + gap;
  }
  const when = `${new Date(span.start * 1_000).toISOString().slice(0, 10)}  ${clock(span.start)} to ${clock(span.end)} UTC`;
  const head = `${text({ x: gap + 4, y: 40 }, board.title, { size: 22, weight: 600 })}${text({ x: pageWidth - gap, y: 40 }, when, { size: 13, fill: color.faint, anchor: 'end' })}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${pageWidth}" height="${top + gap}" viewBox="0 0 ${pageWidth} ${top + gap}" font-family="Inter, 'DejaVu Sans', Helvetica, Arial, sans-serif"><rect width="100%" height="100%" fill="${color.page}"/>${head}${parts.join('\n')}</svg>\n`;
}
