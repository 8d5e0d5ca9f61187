import t from 'tap';
import { contentDisposition } from '../../../src/egress/recordings/file-name.js';

t.test('the name of a download is its title without what file systems and headers cannot hold', async (t) => {
  for (const [title, ascii, encoded] of [
    ['A talk', 'A talk.mp4', 'A%20talk.mp4'],
    ['../../etc/passwd', 'etc passwd.mp4', 'etc%20passwd.mp4'],
    ['a"b\r\nSet-Cookie: x', 'a b Set-Cookie x.mp4', 'a%20b%20Set-Cookie%20x.mp4'],
    ['Blåbær (1)', 'Bl_b_r (1).mp4', 'Bl%C3%A5b%C3%A6r%20%281%29.mp4'],
    ['\u202egpj.exe', 'gpj.exe.mp4', 'gpj.exe.mp4'],
    ['\ud800', 'recording.mp4', 'recording.mp4'],
    ['', 'recording.mp4', 'recording.mp4'],
    ['x'.repeat(500), `${'x'.repeat(60)}.mp4`, `${'x'.repeat(60)}.mp4`],
  ] as const)
    t.equal(contentDisposition(title), `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`);
  t.match(contentDisposition('A', { height: 720, part: 2 }), /filename="A 720p part 2\.mp4"/);
});
