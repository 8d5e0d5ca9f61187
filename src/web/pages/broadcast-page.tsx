import { useEffect } from 'preact/hooks';
import { BroadcastPanel } from '../broadcast/broadcast-panel.js';

/** Page that broadcasts camera, screen and microphone by WHIP. */
export function BroadcastPage() {
  useEffect(() => {
    document.title = 'Broadcast · Headend';
  }, []);
  return (
    <main>
      <BroadcastPanel heading={<h1>Broadcast</h1>} />
    </main>
  );
}
