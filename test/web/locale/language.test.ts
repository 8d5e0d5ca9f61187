import t from 'tap';
import { TARGET_ERROR_CODES } from '../../../src/restreams/target-error.js';
import { VIDEO_FAILURES } from '../../../src/videos/index.js';
import { translatedFindings, translatedNotices } from '../../../src/web/locale/finding-messages.js';
import { number, plural } from '../../../src/web/locale/format.js';
import { errorMessage } from '../../../src/web/locale/gateway-messages.js';
import { currentLocale, localeOf, preferLocale, withTexts } from '../../../src/web/locale/language.js';
import { targetMessage } from '../../../src/web/locale/target-messages.js';
import { chatTexts } from '../../../src/web/texts/chat.js';
import { texts as germanDashboardTexts } from '../../../src/web/texts/de/dashboard.js';
import { texts as germanLivestreamTexts } from '../../../src/web/texts/de/livestream.js';

t.test('the first preferred language that the pages have is chosen, with its region', async (t) => {
  t.same(localeOf(['de-AT', 'en']), { locale: 'de-AT', language: 'de' });
  t.same(localeOf(['fr', 'DE', 'en']), { locale: 'DE', language: 'de' });
  t.same(localeOf(['en-GB', 'de']), { locale: 'en-GB', language: 'en' });
  t.same(localeOf(['fr', 'nl']), { locale: 'en', language: 'en' });
  t.same(localeOf([]), { locale: 'en', language: 'en' });
});

t.test('texts, numbers and plurals follow the language that is chosen', async (t) => {
  t.equal(currentLocale(), 'en', 'outside of browsers it is English');
  t.equal(chatTexts.send, 'Send');
  t.equal(chatTexts.votes(1), '1 vote');
  t.equal(chatTexts.votes(2_000), '2,000 votes');
  t.equal(await errorMessage('name_taken', 'This name is taken.'), 'This name is taken.');

  preferLocale('de-DE');
  await withTexts(Promise.resolve());
  t.equal(chatTexts.send, 'Senden');
  t.equal(chatTexts.votes(1), '1 Stimme');
  t.equal(chatTexts.votes(2_000), '2.000 Stimmen');
  t.equal(number(1.25, 1), '1,3');
  t.equal(plural(0, { one: '# Clip', other: '# Clips' }), '0 Clips');

  preferLocale('en');
  await withTexts(Promise.resolve());
  t.equal(chatTexts.send, 'Send');
});

t.test('messages of the gateway are translated by their code, with its number', async (t) => {
  preferLocale('de');
  t.teardown(() => preferLocale('en'));
  t.match(await errorMessage('name_taken', 'This name is taken.'), /vergeben/);
  t.match(await errorMessage('slow_mode', 'Slow mode: you may write again in 12 s.'), /in 12 s/);
  t.equal(await errorMessage('validation_failed', 'title must be short.'), 'title must be short.');
  t.equal(await errorMessage('slow_mode', 'Slow mode.'), 'Slow mode.', 'a number that is missing');
  const finding = { severity: 'warning' as const, since: '', until: null, occurrences: 1 };
  const [known, unknown] = await translatedFindings([
    { ...finding, code: 'keyframes-far-apart', message: 'Keyframes are 8.3 s apart: …', cure: 'Set 2 s.' },
    { ...finding, code: 'new-fault', message: 'It is new.', cure: 'Wait.' },
  ]);
  t.match(known?.message, /liegen 8,3 s auseinander/);
  t.match(known?.cure, /Keyframe-Intervall/);
  t.equal(unknown?.message, 'It is new.');
  const notices = await translatedNotices([
    { topic: 'webrtc', message: 'WebRTC is not available.' },
    { topic: 'new', message: 'It is new.' },
  ]);
  t.match(notices[0]?.message, /nicht verfügbar/);
  t.equal(notices[1]?.message, 'It is new.');
});

t.test('errors of restream targets are translated by their code, with the words of the target', async (t) => {
  const refused = {
    error: 'The target refused the stream: No $& key: bad',
    errorCode: 'stream_refused' as const,
  };
  t.equal(targetMessage(refused), refused.error, 'English is the sentence of the gateway');
  preferLocale('de');
  t.teardown(() => preferLocale('en'));
  await withTexts(Promise.resolve());
  t.equal(targetMessage(refused), 'Das Ziel hat den Stream abgelehnt: No $& key: bad');
  t.equal(
    targetMessage({ ...refused, error: 'The target refused the stream.' }),
    'Das Ziel hat den Stream abgelehnt.',
  );
  t.equal(
    targetMessage({
      error: 'The target refused the stream with status 503: busy',
      errorCode: 'stream_refused_by_status',
    }),
    'Das Ziel hat den Stream mit Status 503 abgelehnt: busy',
  );
  t.equal(targetMessage({ error: 'Stored before codes.', errorCode: null }), 'Stored before codes.');
  t.equal(targetMessage({ error: null, errorCode: null }), null);
});

t.test('every failure of targets and videos has a German text', async (t) => {
  const missing = (codes: string[], texts: Record<string, string>): string[] =>
    codes.filter((code) => texts[code] === undefined);
  t.same(missing(TARGET_ERROR_CODES, germanLivestreamTexts.targetErrors), []);
  t.same(missing(Object.keys(VIDEO_FAILURES), germanDashboardTexts.videoFailures), []);
});
