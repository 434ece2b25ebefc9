import { catalogue } from '../../../src/platform/metrics/catalogue.js';
import { faultCodes } from '../../../src/rpc/faults.js';

/** The metrics' names in Prometheus, under the names that code uses. */
export const metric = Object.fromEntries(Object.entries(catalogue).map(([key, { name }]) => [key, name])) as {
  [Key in keyof typeof catalogue]: (typeof catalogue)[Key]['name'];
};

/** What Prometheus calls the scrapes of the service and of the exporter; `prometheus.yml` says the same. */
export const jobs = { service: 'promptwell', database: 'postgres' } as const;

/** Filters what every Node process and every exporter calls by the same name. */
export const ofService = `{job="${jobs.service}"}`;

/** Codes that blame a model provider, not this service. */
const upstreamCodes = [faultCodes.upstream.code, faultCodes.upstreamTimeout.code];

/** Codes that answer with a 5xx: those of the faults, and what any bug becomes. */
const serverCodes = [
  ...Object.values(faultCodes)
    .filter(({ httpStatus }) => httpStatus >= 500)
    .map(({ code }) => code),
  'INTERNAL_SERVER_ERROR',
  'NOT_IMPLEMENTED',
];

/** Label matchers of the counted calls by whose fault it was; tRPC knows no other codes. */
export const codes = {
  failed: 'code!="OK"',
  callers: `code!~"OK|${serverCodes.join('|')}"`,
  servers: `code=~"${serverCodes.join('|')}"`,
  ours: `code=~"${serverCodes.filter((code) => !upstreamCodes.some((one) => one === code)).join('|')}"`,
} as const;

/** A matcher that leaves out the calls that wait for a model: their time is the model's. */
export const withoutModel = 'procedure!~"prompts.create|prompts.regenerate"';
