import type { Test } from 'tap';
import type { GatewayProcess, Livestream } from '../gateway/gateway-process.js';
import { until } from '../until.js';

export type Finding = { code: string; severity: string; message: string; cure: string; since: string };
export type Health = {
  broadcast: { id: string; endedAt: string | null } | null;
  series: { at: number[] } & Record<string, (number | null)[]>;
  findings: Finding[];
  pastFindings: Finding[];
};

/** Time for which nothing else may be found, s. */
const OBSERVED_S = 25;

export async function healthOf(
  gateway: GatewayProcess,
  { streamId }: Pick<Livestream, 'streamId'>,
): Promise<Health> {
  return (await gateway.api<{ health: Health }>('GET', `/${streamId}/health`)).health;
}

/**
 * Asserts that a broadcast is found to have one fault, or none, and no other within the first seconds.
 *
 * @param isWatched the health is requested from the beginning, which measures the sound of RTMP
 */
export async function assertFinding(
  t: Test,
  gateway: GatewayProcess,
  livestream: Livestream,
  code: string | undefined,
  { message = /./, isWatched = true }: { message?: RegExp; isWatched?: boolean } = {},
): Promise<void> {
  const startedAt = performance.now();
  const found = ({ findings, pastFindings }: Health): string[] =>
    [...findings, ...pastFindings].map((finding) => finding.code);
  const health = await until(
    `${code} is found, after ${OBSERVED_S} s of measurements`,
    async () => {
      // Few meters of sound run at the same time.
      if (!isWatched && performance.now() - startedAt < OBSERVED_S * 1_000) return false;
      const now = await healthOf(gateway, livestream);
      const isLong = now.series.at.length >= OBSERVED_S;
      return isLong && (code === undefined || found(now).includes(code)) && now;
    },
    60_000,
    1_000,
  );
  t.strictSame(
    found(health),
    code === undefined ? [] : [code],
    JSON.stringify([...health.findings, ...health.pastFindings]),
  );
  const [finding] = [...health.findings, ...health.pastFindings];
  if (finding) {
    t.match(finding.message, message);
    t.match(finding.cure, /^[A-Z].*\.$/, 'the cure is a sentence');
  }
}
