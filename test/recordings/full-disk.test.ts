import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { publish, testMedia } from '../support/media/encoder.js';
import { probeFile, RecordingGateway } from '../support/recordings/recording-gateway.js';
import { until } from '../support/until.js';

const SIZE_MB = 3;

/** Mounts a small file system in memory; undefined where that is not permitted. */
function mountSmallDisk(): string | undefined {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=700`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}

const disk = mountSmallDisk();
t.teardown(() => {
  if (disk === undefined) return;
  execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

t.test(
  'a full disk ends the recording at its last whole segment, and the broadcast goes on',
  { skip: disk === undefined ? 'a file system cannot be mounted here' : false },
  async (t) => {
    const recorder = await RecordingGateway.start(t, { RECORDINGS_DIR: disk ?? '' });
    const { gateway } = recorder;
    const livestream = await recorder.createRecorded();
    publish(t, await testMedia(120, { bitrate: '3M', size: '1280x720' }), livestream.rtmp);
    const full = await recorder.untilReady(livestream);
    t.equal(full.endReason, 'disk-full');
    t.ok(full.sizeBytes > 1e6 && full.sizeBytes <= SIZE_MB * 2 ** 20, `${full.sizeBytes} bytes`);
    type Shown = { stream: { state: { name: string }; notices: { topic: string; message: string }[] } };
    const { stream } = await gateway.api<Shown>('GET', `/${livestream.streamId}`);
    t.equal(stream.state.name, 'live');
    t.match(stream.notices, [{ topic: 'recording', message: /the disk is full/ }], 'the owner is told');
    for (const file of recorder.files(full)) {
      const { firstS, lastS, isMonotonic } = await probeFile(file);
      t.ok(isMonotonic && Math.abs(lastS - firstS - full.durationS) < 2.1, `${file}: ${lastS - firstS} s`);
    }
    t.equal((await recorder.recordings(livestream)).length, 1, 'nothing starts by itself');

    const at = `/api/recordings/${full.id}`;
    t.equal((await recorder.request('DELETE', at)).status, 200);
    await until('its files are deleted', () => recorder.files(full).length === 0);
    const again = `/api/livestream/${livestream.streamId}/recordings`;
    t.equal((await recorder.request('POST', again, {})).status, 201);
    await recorder.untilSeconds(livestream, 2);
    const after = await gateway.api<Shown>('GET', `/${livestream.streamId}`);
    t.same(after.stream.notices, [], 'the notice is gone');
  },
);
