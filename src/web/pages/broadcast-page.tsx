import { useEffect } from 'preact/hooks';
import { BroadcastPanel } from '../broadcast/broadcast-panel.js';
import { broadcastTexts } from '../texts/broadcast.js';

/** Page that broadcasts camera, screen and microphone by WHIP. */
export function BroadcastPage() {
  useEffect(() => {
    document.title = `${broadcastTexts.broadcast} · Headend`;
  }, []);
  return (
    <main>
      <BroadcastPanel heading={<h1>{broadcastTexts.broadcast}</h1>} />
    </main>
  );
}
