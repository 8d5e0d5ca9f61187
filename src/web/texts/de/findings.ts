import type { FindingTexts } from '../../locale/message-types.js';

const KEYFRAMES_CURE =
  'Stell in deiner Streaming-Software ein Keyframe-Intervall von 2 s ein (OBS: Einstellungen > Ausgabe > Erweitert).';

export const texts: FindingTexts = {
  'sound-missing': {
    message: 'Es gibt keinen Ton.',
    cure: 'Wähle in deiner Streaming-Software ein Mikrofon, oder füg eine Tonquelle hinzu; eine Übertragung nur mit Bild braucht nichts.',
  },
  'sound-silent': {
    message: 'Der Ton ist stumm: Seit # s ist nichts zu hören.',
    cure: 'Prüfe, ob das Mikrofon stumm geschaltet, angeschlossen und in deiner Streaming-Software ausgewählt ist.',
  },
  'sound-clipping': {
    message: 'Der Ton übersteuert: Er ist zu laut und verzerrt.',
    cure: 'Dreh Mikrofon oder Tonquelle leiser, bis die Anzeige unter dem roten Bereich bleibt.',
  },
  'rendition-shed': {
    message: 'Der Server ist zu langsam für alle Qualitätsstufen: Einige fallen weg.',
    cure: 'Dein Stream ist in Ordnung. Der Betreiber kann weniger Stufen anbieten (LADDER), einen Hardware-Encoder nutzen (VIDEO_ENCODER) oder einen schnelleren Rechner nehmen.',
  },
  'server-busy': {
    message: 'Der Server ist ausgelastet.',
    cure: 'Nimm eine kleinere Auflösung und Bildrate, oder bitte den Betreiber um einen schnelleren Rechner.',
  },
  'server-memory': {
    message: 'Dem Server fehlt für diesen Stream der Arbeitsspeicher.',
    cure: 'Nimm eine kleinere Auflösung, oder bitte den Betreiber, FFMPEG_MAX_MEMORY zu erhöhen.',
  },
  'webrtc-unavailable': {
    message: 'WebRTC ist nicht verfügbar: Die Zuschauer bekommen HLS.',
    cure: 'Dein Stream ist in Ordnung: Der Betreiber findet die Ursache im Log des Servers.',
  },
  'hls-unavailable': { message: 'HLS ist für diesen Stream nicht verfügbar.', cure: 'Sende H.264.' },
  'not-recorded': {
    message: 'Diese Übertragung wird nicht aufgezeichnet.',
    cure: 'Lösch Aufzeichnungen, die du nicht mehr brauchst, oder bitte den Betreiber um Speicherplatz.',
  },
  'faster-than-real-time': {
    message: 'Bild und Ton kommen schneller als in Echtzeit.',
    cure: 'Sende live; mit ffmpeg nimm -re.',
  },
  'tracks-left-out': {
    message: 'Einige Spuren werden ausgelassen.',
    cure: 'Wähle in deiner Streaming-Software eine Videospur mit H.264 und eine Tonspur mit AAC.',
  },
  'audio-video-apart': {
    message: 'Bild und Ton liegen # s auseinander.',
    cure: 'Stell den Sync-Versatz der Tonquellen in deiner Streaming-Software auf 0 (OBS: Erweiterte Audioeigenschaften), und starte den Stream neu.',
  },
  'timestamps-jump': {
    message:
      'In der letzten Minute sind die Zeitstempel gesprungen: Jeder Sprung unterbricht die Wiedergabe.',
    cure: 'Beende den Stream und starte ihn neu; sende Bild und Ton aus einem Programm mit einer Uhr.',
  },
  'clock-drifts': {
    message:
      'Die Uhr deiner Streaming-Software geht um # % falsch: Den Zuschauern fehlen Bilder, oder sie fallen zurück.',
    cure: 'Nimm für alle Tongeräte dieselbe Abtastrate (48 kHz), und lass deine Streaming-Software die Zeit von der Systemuhr nehmen.',
  },
  'upload-too-small': {
    message: 'Dein Upload reicht nicht: Bild und Ton kommen verspätet an.',
    cure: 'Senk die Bitrate in deiner Streaming-Software auf zwei Drittel des Uploads; nimm ein Kabel statt WLAN.',
  },
  'bitrate-swings': {
    message: 'Die Bitrate schwankt stark: Zuschauer mit langsamem Netz müssen warten.',
    cure: 'Wähle in deiner Streaming-Software CBR (konstante Bitrate).',
  },
  'packet-loss': {
    message: 'Im Netz gehen # % der Pakete verloren: Bild und Ton werden unterbrochen.',
    cure: 'Nimm ein Kabel statt WLAN, oder senk die Bitrate.',
  },
  'round-trip-long': {
    message: 'Der Weg zum Server ist weit: Ein Umlauf dauert # ms, und verlorene Pakete werden spät ersetzt.',
    cure: 'Nimm ein Kabel statt WLAN; beende andere Uploads; wähle einen näheren Server.',
  },
  'keyframes-far-apart': {
    message:
      'Die Keyframes liegen # s auseinander: Zuschauer warten auf das erste Bild, und der Server muss die beste Qualität neu kodieren.',
    cure: KEYFRAMES_CURE,
  },
  'keyframes-irregular': {
    message: 'Die Keyframes kommen unregelmäßig: Der Server muss die beste Qualität neu kodieren.',
    cure: `${KEYFRAMES_CURE} Schalte die Szenenerkennung für Keyframes aus (x264: scenecut=0).`,
  },
  'pictures-dropped': {
    message: 'Deine Streaming-Software lässt Bilder aus: # % in der letzten halben Minute.',
    cure: 'Senk die Bitrate, wenn der Upload nicht reicht; nimm eine kleinere Auflösung, weniger Bilder pro Sekunde oder eine schnellere Encoder-Voreinstellung, wenn der Rechner zu langsam ist.',
  },
  'picture-frozen': {
    message: 'Das Bild steht: Seit # s hat sich darin nichts geändert.',
    cure: 'Falls es sich bewegen sollte: Prüfe Kamera, Capture-Karte oder Szene in deiner Streaming-Software.',
  },
  'picture-missing': {
    message: 'Es gibt kein Bild.',
    cure: 'Wähle in deiner Streaming-Software eine Kamera, einen Bildschirm oder eine Szene; eine Übertragung nur mit Ton braucht nichts.',
  },
  'keyframes-missing': { message: 'Es kommen zu selten Keyframes.', cure: KEYFRAMES_CURE },
  'frame-rate-variable': {
    message: 'Die Bildrate schwankt: Bewegungen ruckeln, und ausgelassene Bilder lassen sich nicht erkennen.',
    cure: 'Wähle in deiner Streaming-Software oder für die Kamera eine feste Bildrate, etwa 30 Bilder pro Sekunde.',
  },
  'resolution-changed': {
    message: 'Die Auflösung hat sich geändert: Jeder Wechsel unterbricht die Wiedergabe kurz.',
    cure: 'Bleib für die ganze Übertragung bei einer Auflösung: Stell sie in deiner Streaming-Software ein.',
  },
  'b-frames': {
    message: 'Das Bild enthält B-Frames, die hier nicht schaden.',
    cure: 'Du musst nichts tun. Ohne B-Frames braucht der Server für WebRTC-Zuschauer keinen Encoder.',
  },
  'codec-not-played': {
    message:
      'Diesen Codec spielt nicht jeder Browser: Der Server kodiert neu, oder manche Zuschauer bekommen HLS mit mehr Verzögerung.',
    cure: 'Wähle in deiner Streaming-Software H.264 mit dem Profil High und dem Farbformat NV12.',
  },
};
