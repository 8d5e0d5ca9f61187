import path from 'node:path';
import type { Authentication } from '../accounts/index.js';
import type { PublicUrls } from '../api/index.js';
import type { Config } from '../config.js';

export type Welcome = {
  /** Addresses for people, to be printed on the terminal. May hold a secret: not for the log. */
  text: string;
  /** There is no administrator yet: the text has a setup link. */
  isFirstRun: boolean;
};

/**
 * Writes what the operator needs to begin. While there is no administrator it has a link by which the first one registers;
 * links of earlier starts end. With accounts of a host platform there is no link: its administrators sign in there.
 */
export async function createWelcome(
  { accounts, invitations }: Authentication,
  urls: PublicUrls,
  config: Config,
): Promise<Welcome> {
  const isFirstRun = config.jwt === undefined && !(await accounts.hasAdministrator());
  const setupUrl = isFirstRun && `${urls.below('setup')}#${await invitations.createSetup()}`;
  const lines = [
    ['Live now', urls.below('')],
    ['Broadcast', urls.below('broadcast')],
    ['API', urls.below('docs')],
    ['OBS (RTMP)', urls.rtmpServer()],
    ['OBS (WHIP)', urls.below('whip')],
    ...(config.operatorToken === undefined
      ? [['Operator token', `in ${path.join(config.dataDir, 'operator-token')}`]]
      : []),
  ];
  const listed = lines.map(([name = '', value = '']) => `    ${name.padEnd(16)}${value}\n`).join('');
  const setup = setupUrl
    ? `\n  Open this link to create your account and a first livestream (valid once, for a day):\n\n    ${setupUrl}\n`
    : '';
  return { text: `\n  Headend is ready.\n\n${listed}${setup}\n`, isFirstRun };
}
