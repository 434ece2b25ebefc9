// `npm run dashboards:check`: the topology of docker-compose.yml as processes, a small load, and every expression of every
// dashboard and alert asked of a real Prometheus. Needs TEST_DATABASE_URL (a PostgreSQL with pg_stat_statements
// preloaded) and Debian's packages; says so and ends well where they cannot be had.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './source.js';
import { silent } from './fake-upstream.js';
import { alarmOf, check } from './watching/check.js';
import { watchers } from './watching/debian.js';
import { moodyModel, startLoad } from './watching/load.js';
import { obstacle, startTopology, type Topology } from './watching/topology.js';
import { createPromptwellClient } from '../../src/client.js';
import { goodPassword } from './service.js';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const programs = await watchers();
if (programs === null)
  say('skipped: no Debian packages of prometheus and prometheus-postgres-exporter can be had here');
else {
  say(
    execFileSync(programs.promtool, ['test', 'rules', join(root, 'deploy/prometheus/alerts.test.yml')])
      .toString()
      .trim(),
  );
  const reason = await obstacle();
  if (reason === null) await watch(programs);
  else say(`skipped: ${reason}`);
}

/** A process that dies with a prompt in its hands: another one finds it when its lease is over. */
async function interruptOne(topology: Topology): Promise<void> {
  const doomed = await topology.another();
  const stranger = createPromptwellClient({ url: doomed.url });
  const { tokens } = await stranger.auth.signup.mutate({ username: 'doomed-on-server', password: goodPassword });
  const client = createPromptwellClient({ url: doomed.url, token: tokens.accessToken });
  const { requests } = topology.upstream;
  topology.upstream.script(silent());
  const asked = topology.upstream.untilRequests(requests.length + 1);
  void client.prompts.create.mutate({ text: 'never answered' }).catch(() => undefined);
  await asked;
  doomed.kill('SIGKILL');
  await doomed.ended;
}

async function watch(found: NonNullable<typeof programs>): Promise<void> {
  const begun = performance.now();
  await using topology = await startTopology(found);
  topology.upstream.always(moodyModel);
  await interruptOne(topology);
  const load = await startLoad(topology, 'rough');
  const findings = await check(topology);
  const rounds = load.rounds();
  await load.stop();
  topology.embedded.kill('SIGKILL');
  const { summary } = await alarmOf(topology, 'PromptwellDown');
  say(`after a kill -9, the alert PromptwellDown says: ${summary}`);
  const seconds = Math.round((performance.now() - begun) / 1_000);
  say(
    `${findings.expressions} expressions of ${findings.panels} panels and ${findings.alerts} alerts asked of Prometheus, ${findings.exporterMetrics} figures of the exporter found, ${rounds} rounds of load, ${seconds} s`,
  );
  for (const problem of findings.problems) say(`  PROBLEM ${problem}`);
  if (findings.problems.length > 0) process.exitCode = 1;
  else say('every one of them has data, and none is NaN');
}
