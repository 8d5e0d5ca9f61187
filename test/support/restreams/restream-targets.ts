import type { GatewayProcess, Livestream } from '../gateway/gateway-process.js';
import { until } from '../until.js';

export type ApiTarget = {
  id: string;
  name: string;
  url: string;
  key: string | null;
  status: {
    state: string;
    error: string | null;
    errorCode: string | null;
    bitrateBps: number | null;
    streamId: string | null;
  };
};

/** Settings of gateways that may send to each other. */
export const RESTREAM_SETTINGS = { LADDER: 'off', LADDER_IDLE: '60', RESTREAM_PRIVATE_ADDRESSES: 'true' };

export function rtmpServerOf({ rtmpPort }: GatewayProcess): string {
  return `rtmp://127.0.0.1:${rtmpPort}/live`;
}

export async function addTarget(
  gateway: GatewayProcess,
  { streamId }: Livestream,
  target: { name: string; url: string; key?: string; passphrase?: string },
): Promise<ApiTarget> {
  return (await gateway.api<{ target: ApiTarget }>('POST', `/${streamId}/restream-targets`, target)).target;
}

/** Waits until a target of a livestream satisfies a condition. */
export function untilTarget(
  gateway: GatewayProcess,
  { streamId }: Livestream,
  description: string,
  condition: (target: ApiTarget) => boolean,
): Promise<ApiTarget> {
  return until(description, async () => {
    const { targets } = await gateway.api<{ targets: ApiTarget[] }>('GET', `/${streamId}/restream-targets`);
    return targets.find(condition);
  });
}
