import { describe, expect, test } from 'vitest';
import { catalogue, type MetricDefinition } from '../../../../src/platform/metrics/catalogue.js';
import { createMetrics } from '../../../../src/platform/metrics/registry.js';

const definitions = Object.values<MetricDefinition>(catalogue);

describe('the catalogue', () => {
  test('names every metric once, as promptwell_<thing>, and counters alone end in _total', () => {
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length);
    for (const { name, kind } of definitions) {
      expect(name).toMatch(/^promptwell_[a-z]+(_[a-z]+)*$/);
      expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    }
  });

  test('has no label that could name a tenant, a user or a prompt', () => {
    const allowed = ['procedure', 'code', 'status', 'provider', 'outcome', 'kind', 'lane', 'result', 'bucket', 'state'];
    const labels = definitions.flatMap((definition) => Object.keys(definition.labels));
    expect(labels.filter((label) => ![...allowed, 'version', 'engine', 'space'].includes(label))).toEqual([]);
  });

  test('gives buckets, ascending, to histograms and to nothing else', () => {
    for (const { kind, name, buckets } of definitions) {
      expect(buckets !== undefined, name).toBe(kind === 'histogram');
      expect(buckets?.toSorted((a, b) => a - b)).toEqual(buckets);
    }
  });
});

describe('the registry', () => {
  test('renders every metric of the catalogue and those of the Node process', async () => {
    const { body, contentType } = await createMetrics().render();
    for (const { name, kind } of definitions) expect(body).toContain(`# TYPE ${name} ${kind}`);
    expect(body).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(body).toContain('process_resident_memory_bytes');
    expect(contentType).toContain('text/plain');
  });

  test('counts, observes and sets with their labels', async () => {
    const metrics = createMetrics();
    metrics.requests.inc({ procedure: 'prompts.create', code: 'OK' });
    metrics.requests.inc({ procedure: 'prompts.create', code: 'OK' }, 2);
    metrics.modelCost.inc(0.25);
    metrics.sockets.inc();
    metrics.sockets.inc();
    metrics.sockets.dec();
    metrics.similarityDuration.observe({ lane: 'exact' }, 0.004);
    const { body } = await metrics.render();
    expect(body).toContain('promptwell_requests_total{procedure="prompts.create",code="OK"} 3');
    expect(body).toContain('promptwell_model_cost_usd_total 0.25');
    expect(body).toContain('promptwell_sockets 1');
    expect(body).toContain('promptwell_similarity_duration_seconds_bucket{le="0.005",lane="exact"} 1');
    expect(body).toContain('promptwell_similarity_duration_seconds_bucket{le="0.0025",lane="exact"} 0');
  });

  test('starts counters and histograms with closed labels at zero, so that a rate sees the first event', async () => {
    const { body } = await createMetrics().render();
    expect(body).toContain('promptwell_deliveries_total{kind="prompt.deleted"} 0');
    expect(body).toContain('promptwell_database_statement_duration_seconds_count{outcome="failed"} 0');
    expect(body).not.toMatch(/^promptwell_requests_total\{/m);
  });

  test('reads collected gauges at each scrape, not before', async () => {
    const metrics = createMetrics();
    let waiting = 7;
    metrics.collect('embeddingQueue', (gauge) => gauge.set({ lane: 'background' }, waiting));
    waiting = 9;
    expect((await metrics.render()).body).toContain('promptwell_embedding_queue_texts{lane="background"} 9');
    waiting = 1;
    expect((await metrics.render()).body).toContain('promptwell_embedding_queue_texts{lane="background"} 1');
  });

  test('keeps two registries of one process apart', async () => {
    const first = createMetrics();
    const second = createMetrics();
    first.sockets.set(5);
    expect((await second.render()).body).toContain('promptwell_sockets 0');
  });
});
