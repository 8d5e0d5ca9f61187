import t from 'tap';
import { escapeHtml, withHead } from '../../../src/api/pages/page-head.js';

const DOCUMENT = '<!doctype html><head><title>Headend</title><meta name="viewport"></head><body></body>';

t.test('a head holds title, description and address, escaped', async (t) => {
  const html = withHead(DOCUMENT, {
    title: `</title><script>alert("1")</script> $& 'x'`,
    description: `"><img src=x onerror=alert(1)>\n\n second   line`,
    url: 'https://live.example.test/@a%26b?a=1&b="',
    type: 'profile',
  });
  t.match(
    html,
    '<title>&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; $&amp; &#39;x&#39; · Headend</title>',
  );
  t.notMatch(html, '<script');
  t.notMatch(html, '<img');
  t.match(html, '<link rel="canonical" href="https://live.example.test/@a%26b?a=1&amp;b=&quot;">');
  t.match(
    html,
    'property="og:description" content="&quot;&gt;&lt;img src=x onerror=alert(1)&gt; second line"',
  );
  t.match(html, '<meta name="viewport">');
});

t.test('a long description is cut between characters', async (t) => {
  const html = withHead(DOCUMENT, {
    ...{ title: 'x', url: 'https://live.example.test/', type: 'profile' },
    description: '😀'.repeat(400),
  });
  const [, description = ''] = /name="description" content="([^"]*)"/.exec(html) ?? [];
  t.equal([...description].length, 300);
  t.ok(description.endsWith('😀…'));
});

t.test('all characters with a meaning in HTML are escaped', async (t) => {
  t.equal(escapeHtml(`<a href="x" id='y'>&`), '&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;');
});
