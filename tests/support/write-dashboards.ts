// `npm run dashboards`: rewrites the Grafana dashboard from the metrics catalogue.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardText } from './dashboard.js';
import { root } from './source.js';

mkdirSync(join(root, 'grafana/dashboards'), { recursive: true });
writeFileSync(join(root, 'grafana/dashboards/promptwell.json'), dashboardText());
