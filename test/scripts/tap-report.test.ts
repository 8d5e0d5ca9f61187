import t from 'tap';
import { type FileReport, TapReader } from '../../scripts/tap-report.js';

function readTap(text: string): FileReport[] {
  const reports: FileReport[] = [];
  const reader = new TapReader((report) => reports.push(report));
  for (const line of text.split('\n')) reader.read(line);
  reader.end();
  return reports;
}

const MIXED = `TAP version 14
# Subtest: .build/test/a.test.js
    # Subtest: adds
        ok 1 - x
        ok 2 - y
        1..2
    ok 1 - adds # time=1.5ms
    # Subtest: nests
        # Subtest: inner good
            ok 1 - z
            1..1
        ok 1 - inner good # time=1ms
        # Subtest: inner bad
            not ok 1 - should be equal
              ---
              diff: |
                # Subtest: quoted output
                ok 1 - that must not be counted
              ...
            1..1
        not ok 2 - inner bad # time=1ms
        1..2
    not ok 2 - nests # time=3ms
    ok 3 - in the browser # SKIP no Chromium here
    1..3
not ok 1 - .build/test/a.test.js # time=1234.5ms
# Subtest: .build/test/b.test.js
    ok 1 - a bare assertion
    1..1
ok 2 - .build/test/b.test.js # time=10ms
1..2
# { total: 7, pass: 5, fail: 1, skip: 1 }
`;

t.test('tests without subtests are counted, assertions are not', async (t) => {
  t.same(readTap(MIXED), [
    {
      file: '.build/test/a.test.js',
      passed: 2,
      failed: 1,
      skipped: ['in the browser (SKIP no Chromium here)'],
      failures: [
        [
          '            not ok 1 - should be equal',
          '              diff: |',
          '                # Subtest: quoted output',
          '                ok 1 - that must not be counted',
          '              ...',
        ].join('\n'),
        'not ok 1 - .build/test/a.test.js # time=1234.5ms',
      ],
      seconds: 1.2345,
    },
    { file: '.build/test/b.test.js', passed: 1, failed: 0, skipped: [], failures: [], seconds: 0.01 },
  ]);
});

t.test('a file that exits with an error after its tests has failed', async (t) => {
  const [report] = readTap(`# Subtest: a
    # Subtest: good
        ok 1 - x
        1..1
    ok 1 - good # time=1ms
    1..1
not ok 1 - a # time=9ms
  ---
  exitCode: 7
  ...
`);
  t.match(report, { passed: 1, failed: 1 });
  t.match(report?.failures[0], 'exitCode: 7');
});

t.test('a file without tests has failed when tap reports it', async (t) => {
  const [report] = readTap('# Subtest: a\n    1..0\nnot ok 1 - a # no tests found\n');
  t.match(report, { passed: 0, failed: 1 });
});

t.test('a file that is skipped as a whole is neither passed nor failed', async (t) => {
  const [report] = readTap('# Subtest: a\n    1..0 # no nginx\nok 1 - a # SKIP no nginx\n');
  t.match(report, { passed: 0, failed: 0, skipped: ['a (SKIP no nginx)'] });
});

t.test('truncated output yields a report of the running file', async (t) => {
  const reports = readTap(MIXED.slice(0, MIXED.indexOf('not ok 1 - .build/test/a')));
  t.equal(reports[0]?.file, '.build/test/a.test.js');
});
