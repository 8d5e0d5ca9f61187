import type { Health, HealthSeries } from '../../api/contract.js';

/** Samples that are shown: those that the server keeps, one a second. */
const SHOWN = 300;

/** Appends new samples to those before, unless another broadcast has begun. */
export function merged(before: Health | undefined, health: Health): Health {
  if (!before || before.broadcast?.id !== health.broadcast?.id) return health;
  // After the end there are no samples, and the page keeps those that it has.
  const series = Object.fromEntries(
    Object.entries(health.series).map(([metric, values]) => [
      metric,
      [...before.series[metric as keyof HealthSeries], ...values].slice(-SHOWN),
    ]),
  ) as HealthSeries;
  return { ...health, series };
}
