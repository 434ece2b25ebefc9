/** How a value of one of Grafana's units is written. */
type Writer = (value: number) => string;

const trimmed = (value: number, digits = 3): string => {
  if (value === 0) return '0';
  const text = value.toPrecision(digits);
  return String(Number(text));
};

/** The largest step that is not above the value, and its name. */
const scaled =
  (steps: readonly [number, string][]): Writer =>
  (value) => {
    const [size, name] = steps.findLast(([from]) => Math.abs(value) >= from) ?? steps[0] ?? [1, ''];
    return value === 0 ? '0' : `${trimmed(value / size)}${name}`;
  };

const bytes = scaled([
  [1, ' B'],
  [1024, ' KiB'],
  [1024 ** 2, ' MiB'],
  [1024 ** 3, ' GiB'],
]);
const short = scaled([
  [1e-9, ''],
  [1e3, ' K'],
  [1e6, ' M'],
]);

const writers: Readonly<Record<string, Writer>> = {
  none: (value) => trimmed(value),
  short: (value) => (Math.abs(value) < 1_000 ? trimmed(value) : short(value)),
  reqps: (value) => `${trimmed(value)} req/s`,
  ops: (value) => `${Math.abs(value) < 1_000 ? trimmed(value) : short(value)} ops/s`,
  percentunit: (value) => `${trimmed(value * 100)} %`,
  currencyUSD: (value) => `$${trimmed(value)}`,
  bytes,
  Bps: (value) => `${bytes(value)}/s`,
  s: scaled([
    [1e-9, ' ns'],
    [1e-6, ' µs'],
    [1e-3, ' ms'],
    [1, ' s'],
    [60, ' min'],
    [3_600, ' h'],
    [86_400, ' d'],
  ]),
};

/** A value as the panel's unit writes it. */
export function written(value: number, unit: string): string {
  const writer = writers[unit];
  if (writer === undefined) throw new Error(`no way to write the unit ${unit}`);
  return writer(value);
}

/** Round values from 0 to at least `max`, about four of them; powers of two for bytes. */
export function ticks(max: number, unit: string): number[] {
  if (max <= 0) return [0, 1];
  const rough = max / 4;
  const isBinary = unit === 'bytes' || unit === 'Bps';
  const base = isBinary && rough >= 1 ? 1024 ** Math.floor(Math.log(rough) / Math.log(1024)) : 1;
  const power = 10 ** Math.floor(Math.log10(rough / base));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power * base >= rough) ?? 10) * power * base;
  const count = Math.max(1, Math.ceil(max / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}
