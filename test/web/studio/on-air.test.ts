import t from 'tap';
import { onAirOf } from '../../../src/web/studio/on-air.js';

t.test('the state on air follows the livestream, its test and the broadcast of this tab', async (t) => {
  const of = (
    name: 'offline' | 'live' | 'reconnecting',
    over: object = {},
    browser?: 'connecting' | 'ended',
  ) => onAirOf({ state: { name }, testing: false, endedForGood: false, ...over }, browser);
  t.equal(of('offline'), 'off');
  t.equal(of('offline', {}, 'connecting'), 'starting');
  t.equal(of('offline', {}, 'ended'), 'off');
  t.equal(of('offline', { endedForGood: true }), 'over');
  t.equal(of('live'), 'live');
  t.equal(of('live', { testing: true }), 'testing');
  t.equal(of('reconnecting'), 'away');
  t.equal(of('reconnecting', {}, 'connecting'), 'starting');
});
