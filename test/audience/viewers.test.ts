import t from 'tap';
import {
  account,
  FakeAudienceClient,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';
import { seededRandom } from '../support/media/seeded-random.js';

/** Kind of access: the protocol of a player and its times of requests, or a held connection. */
type Member = {
  token: string;
  kind: 'hls' | 'll-hls' | 'whep' | 'socket';
  joinedAt: number;
  /** Time of the last activity. */
  seenAt: number;
  release: (() => void) | undefined;
};

t.test(
  'viewer counts are exact while 200 players and 50 connections come, leave and disappear',
  async (t) => {
    const { audience, clock, livestream, viewRows, join, gone } = await openAudienceFixture(t);
    const streamId = await livestream();
    const random = seededRandom(7);
    const present = new Map<number, Member>();
    /** Viewers without a leave: they count for 15 seconds more. */
    const disconnected: Member[] = [];
    const expected: { joined_at: Date; left_at: Date; protocol: string | null }[] = [];
    const end = (member: Member, leftAt: number): void => {
      const protocol = member.kind === 'socket' ? null : member.kind;
      expected.push({ joined_at: new Date(member.joinedAt), left_at: new Date(leftAt), protocol });
    };

    const addViewer = async (index: number): Promise<void> => {
      const now = clock.now();
      const member: Member = { token: '', kind: 'hls', joinedAt: now, seenAt: now, release: undefined };
      if (index < 200) {
        member.kind = index % 3 === 0 ? 'hls' : 'll-hls';
        member.token = (await audience.admit(viewerRequest(streamId))).token;
        audience.recordActivity(streamId, member.token, member.kind);
      } else if (index < 225) {
        member.kind = 'whep';
        const admission = await audience.admit(viewerRequest(streamId));
        member.token = admission.token;
        member.release = admission.hold('whep');
      } else {
        member.kind = 'socket';
        const client = new FakeAudienceClient(index % 2 === 0 ? account(`user${index}`) : undefined);
        member.token = String((await join(client, streamId)).viewerToken);
        member.release = () => gone(client);
      }
      present.set(index, member);
    };
    const leave = (index: number, member: Member): void => {
      present.delete(index);
      if (member.release) {
        member.release();
        end(member, clock.now());
      } else if (random() < 0.5) {
        audience.leave({ kind: 'anonymous' }, { streamId, token: member.token });
        end(member, clock.now());
      } else disconnected.push(member);
    };

    let most = 0;
    for (let second = 0; second < 120; second++) {
      for (let index = 0; index < 250; index++) {
        const member = present.get(index);
        if (!member) {
          if (random() < 0.05) await addViewer(index);
        } else if (random() < 0.03) leave(index, member);
        else if (!member.release && second % 2 === index % 2) {
          audience.recordActivity(streamId, member.token, member.kind as 'hls');
          member.seenAt = clock.now();
        }
      }
      await clock.advance(1_000);
      for (const member of disconnected.filter(({ seenAt }) => clock.now() - seenAt >= 15_000)) {
        disconnected.splice(disconnected.indexOf(member), 1);
        end(member, member.seenAt);
      }
      const byProtocol = { whep: 0, 'll-hls': 0, hls: 0, dash: 0 };
      for (const { kind } of [...present.values(), ...disconnected])
        if (kind !== 'socket') byProtocol[kind]++;
      const total = present.size + disconnected.length;
      most = Math.max(most, total);
      t.strictSame(audience.viewers(streamId), { total, byProtocol }, `second ${second}`);
    }
    t.ok(most > 150, `${most} at the same time`);
    for (const member of [...present.values()].filter(({ release }) => release)) {
      member.release?.();
      end(member, clock.now());
    }
    for (const member of [...present.values()].filter(({ release }) => !release)) end(member, member.seenAt);
    for (const member of disconnected) end(member, member.seenAt);
    await clock.advance(16_000);
    t.equal(audience.viewers(streamId).total, 0);

    const key = ({ joined_at, left_at, protocol }: (typeof expected)[number]): string =>
      `${joined_at.getTime()} ${left_at.getTime()} ${protocol}`;
    const stored = await viewRows(streamId);
    t.strictSame(
      stored.map((row) => key({ ...row, left_at: row.left_at ?? new Date(0) })).sort(),
      expected.map(key).sort(),
      `${stored.length} views`,
    );
  },
);

t.test('recording activity of 5,000 viewers is fast', async (t) => {
  const { audience, livestream } = await openAudienceFixture(t, {
    limits: { newViewers: { burst: 20_000, refillMs: 1 } },
  });
  const streamId = await livestream();
  const tokens: string[] = [];
  for (let index = 0; index < 5_000; index++)
    tokens.push((await audience.admit(viewerRequest(streamId))).token);
  const rounds = 20;
  const started = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++)
    for (const token of tokens) audience.recordActivity(streamId, token, 'll-hls');
  const each = Number(process.hrtime.bigint() - started) / (rounds * tokens.length);
  t.equal(audience.viewers(streamId).total, 5_000);
  t.comment(`${each.toFixed(0)} ns for each sign of life of 5,000 viewers`);
});
