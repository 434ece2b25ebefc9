/** A figure of the PostgreSQL exporter, and what makes it exist. */
interface ExporterMetric {
  name: string;
  /**
   * Which part of a current release (0.15 to 0.20) gives it. All but `stat_statements` are on by default there.
   * Source: that project's collectors and change log.
   */
  collector: 'core' | 'settings' | 'stat_activity' | 'stat_database' | 'stat_statements' | 'database' | 'locks' | 'wal';
  /** `own`: release 0.11, Debian 12's, gives it by itself. `queries`: with `deploy/prometheus/exporter-0.11.yml`. */
  inRelease011: 'own' | 'queries';
}

const own = (name: string, collector: ExporterMetric['collector']) => ({
  name,
  collector,
  inRelease011: 'own' as const,
});
const asked = (name: string, collector: ExporterMetric['collector']) => ({
  name,
  collector,
  inRelease011: 'queries' as const,
});

/**
 * Every figure of the PostgreSQL exporter that a panel or an alert asks for. `npm run dashboards:check` finds each in a
 * scrape of the real exporter.
 */
export const exporter = {
  up: own('pg_up', 'core'),
  scrapeError: own('pg_exporter_last_scrape_error', 'core'),
  maxConnections: own('pg_settings_max_connections', 'settings'),
  connections: own('pg_stat_activity_count', 'stat_activity'),
  longestTransaction: own('pg_stat_activity_max_tx_duration', 'stat_activity'),
  backends: own('pg_stat_database_numbackends', 'stat_database'),
  committed: own('pg_stat_database_xact_commit', 'stat_database'),
  rolledBack: own('pg_stat_database_xact_rollback', 'stat_database'),
  rowsReturned: own('pg_stat_database_tup_returned', 'stat_database'),
  rowsFetched: own('pg_stat_database_tup_fetched', 'stat_database'),
  rowsInserted: own('pg_stat_database_tup_inserted', 'stat_database'),
  rowsUpdated: own('pg_stat_database_tup_updated', 'stat_database'),
  rowsDeleted: own('pg_stat_database_tup_deleted', 'stat_database'),
  blocksHit: own('pg_stat_database_blks_hit', 'stat_database'),
  blocksRead: own('pg_stat_database_blks_read', 'stat_database'),
  temporaryBytes: own('pg_stat_database_temp_bytes', 'stat_database'),
  deadlocks: own('pg_stat_database_deadlocks', 'stat_database'),
  size: own('pg_database_size_bytes', 'database'),
  locks: own('pg_locks_count', 'locks'),
  walSize: asked('pg_wal_size_bytes', 'wal'),
  statementCalls: asked('pg_stat_statements_calls_total', 'stat_statements'),
  statementSeconds: asked('pg_stat_statements_seconds_total', 'stat_statements'),
  statementRows: asked('pg_stat_statements_rows_total', 'stat_statements'),
} as const satisfies Record<string, ExporterMetric>;
