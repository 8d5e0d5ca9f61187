import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from '../encoder.js';

/** Encodes a second of Opus in packets of 20 ms: a tone of 0.1 s, then silence. */
export async function encodeBeep(t: Test): Promise<Buffer[]> {
  const file = path.join(t.testdir(), 'beep.opus');
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-t', '1'],
    ...['-i', "aevalsrc='if(lt(t,0.1),0.5*sin(2*PI*1000*t),0)':s=48000"],
    ...['-c:a', 'libopus', '-b:a', '64k', '-ac', '2', '-frame_duration', '20', '-page_duration', '1', file],
  ]);
  return oggPackets(readFileSync(file)).slice(2, 52);
}

/** Reads the packets of an Ogg file (RFC 3533, section 6) in which no packet spans pages. */
function oggPackets(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let page = 0; page < bytes.length; ) {
    const segments = bytes[page + 26] ?? 0;
    let at = page + 27 + segments;
    let start = at;
    for (const size of bytes.subarray(page + 27, page + 27 + segments)) {
      at += size;
      if (size === 255) continue;
      packets.push(bytes.subarray(start, at));
      start = at;
    }
    page = at;
  }
  return packets;
}
