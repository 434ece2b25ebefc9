// `npm run dashboards:preview`: runs the topology of the check under a load for some minutes (the first argument, in
// seconds; 150 unless told), then draws each dashboard from its own queries into grafana/preview: SVG, and PNG where a
// browser or the image library of the neural model is there.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { boards } from './dashboards/boards.js';
import type { Board } from './dashboards/model.js';
import { queriesOf } from './dashboards/model.js';
import { root } from './source.js';
import { viewOf } from './watching/check.js';
import { watchers } from './watching/debian.js';
import { startLoad } from './watching/load.js';
import { pictureOf, type Shown } from './watching/picture.js';
import { asGrafanaAsks } from './watching/prometheus.js';
import { obstacle, startTopology, type Topology } from './watching/topology.js';

const folder = join(root, 'grafana/preview');
const browser = '/usr/bin/chromium';
const seconds = Number(process.argv[2] ?? 150);
const points = 60;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const programs = await watchers();
const reason = await obstacle();
if (programs === null)
  say('skipped: no Debian packages of prometheus and prometheus-postgres-exporter can be had here');
else if (reason !== null) say(`skipped: ${reason}`);
else {
  mkdirSync(folder, { recursive: true });
  await using topology = await startTopology(programs);
  const start = Date.now() / 1_000;
  const load = await startLoad(topology, 'gentle');
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, seconds * 1_000 - (Date.now() - start * 1_000))));
  for (const board of boards) await draw(topology, board, { start, end: Date.now() / 1_000 });
  say(`${load.rounds()} rounds of load`);
  await load.stop();
}

async function draw(topology: Topology, board: Board, span: { start: number; end: number }): Promise<void> {
  const view = await viewOf(topology);
  const step = Math.max(view.scrapeSeconds, Math.ceil((span.end - span.start) / points));
  const shown: Shown = new Map();
  for (const { panel, legend, expr } of queriesOf(board)) {
    const asked = asGrafanaAsks(expr, { ...view, stepSeconds: step });
    const lines = await topology.prometheus.range(asked, { ...span, step });
    shown.set(panel, [...(shown.get(panel) ?? []), { legend, lines }]);
  }
  const svg = pictureOf(board, shown, span);
  const path = join(folder, board.file.replace('.json', '.svg'));
  writeFileSync(path, svg);
  say(`${path}${(await rasterise(svg, path)) ? ', and as PNG' : ''}`);
}

/** The picture as PNG beside the SVG; false where nothing here can draw it. */
async function rasterise(svg: string, path: string): Promise<boolean> {
  const target = path.replace('.svg', '.png');
  const [, width = '1680', height = '1000'] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
  if (existsSync(browser)) {
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      `--window-size=${width},${height}`,
    ];
    execFileSync(browser, [...flags, `--screenshot=${target}`, `file://${path}`], { stdio: 'ignore' });
    return true;
  }
  try {
    const ofModel = createRequire(createRequire(import.meta.url).resolve('@xenova/transformers'));
    const image = ofModel('sharp') as (from: Buffer) => { png(as: object): { toFile(to: string): Promise<unknown> } };
    await image(Buffer.from(svg)).png({ palette: true, colours: 64, compressionLevel: 9 }).toFile(target);
    return true;
  } catch {
    return false;
  }
}
