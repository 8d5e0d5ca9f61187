import type { texts as english } from '../en/webrtc.js';

export const texts: typeof english = {
  noAnswer: 'Der Server antwortet nicht.',
  invalidAnswer: 'Die Antwort des Servers ist kein gültiges WHIP oder WHEP.',
  noLayers: 'Der Server kann keine Qualitätsstufen wählen lassen.',
  refusedWith: (status: number) => `Der Server hat mit Status ${status} abgelehnt.`,
};
