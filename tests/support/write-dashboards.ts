// `npm run dashboards`: rewrites the Grafana dashboards and the alert rules from the names of the metrics catalogue.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { alertsText, alertTestsText } from './alerts/files.js';
import { boards, dashboardText } from './dashboards/boards.js';
import { root } from './source.js';

const files: Record<string, string> = {
  ...Object.fromEntries(boards.map((board) => [`grafana/dashboards/${board.file}`, dashboardText(board)])),
  'deploy/prometheus/alerts.yml': alertsText(),
  'deploy/prometheus/alerts.test.yml': alertTestsText(),
};
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
