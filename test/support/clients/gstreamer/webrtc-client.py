"""WHIP and WHEP by GStreamer's webrtcbin: ICE, DTLS, SRTP, RTP and SDP that share nothing with the gateway or with browsers.

    webrtc-client.py check
    webrtc-client.py publish ENDPOINT STREAM_KEY h264|vp8 [lying]
    webrtc-client.py watch ENDPOINT

Both run until SIGTERM, then end their session. The picture that is published turns white at every full second, and a
tone sounds with it; `lying`, its sender reports run at a wrong rate. Events are printed as lines of JSON; a viewer prints twice a second
what it has received so far.
"""

import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from array import array
from urllib.parse import urljoin

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstController', '1.0')
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import GLib, Gst, GstController, GstSdp, GstWebRTC  # noqa: E402

ELEMENTS = 'webrtcbin nicesrc dtlsenc srtpenc x264enc vp8enc vp8dec avdec_h264 opusenc opusdec h264parse rtph264pay'
HTTP_TIMEOUT_S = 20
REPORT_MS = 500
# Of samples of 16 bits: a tone, for so many of them (10 ms).
TONE = 1500
LOOK_SAMPLES = 480
SAMPLE_RATE = 48000
# Luma of a scaled picture between which flashes begin and end.
WHITE = 190
BLACK = 150

PUBLISHED = """
  webrtcbin name=peer bundle-policy=max-bundle
  videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=15/1
    ! videobalance name=light ! videoconvert ! queue ! {encoder} ! application/x-rtp,media=video,payload=96 ! peer.
  audiotestsrc is-live=true wave=ticks freq=1000 sine-periods-per-tick=100 ! audioconvert ! audioresample
    ! audio/x-raw,rate=48000,channels=2 ! queue ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,payload=97 ! peer.
"""
ENCODERS = {
    'h264': 'x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=400 ! video/x-h264,profile=constrained-baseline'
    ' ! h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency',
    'vp8': 'vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate=400000 ! rtpvp8pay picture-id-mode=15-bit',
}
WATCHED = [
    'application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,'
    'profile-level-id=(string)42e01f; application/x-rtp,media=video,encoding-name=VP8,payload=98,clock-rate=90000',
    'application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2',
]
SEEN = 'videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=16,height=16 ! fakesink name=sink signal-handoffs=true sync=false'
HEARD = 'audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! fakesink name=sink signal-handoffs=true sync=false'


speaking = threading.Lock()


def say(**line):
    # From GStreamer's threads, too: a line is written whole.
    with speaking:
        print(json.dumps(line), flush=True)


class Client:
    """One session with an endpoint: offers once every candidate is known, and takes the answer."""

    honest = True

    def __init__(self, pipeline, endpoint, key=None):
        self.pipeline = pipeline
        self.endpoint = endpoint
        self.key = key
        self.session = None
        self.loop = GLib.MainLoop()
        self.peer = pipeline.get_by_name('peer')
        # Kept, as GStreamer 1.22 leaves the agent to who asks for it.
        self.ice = self.peer.get_property('ice-agent')
        self.ice.emit('add-local-ip-address', '127.0.0.1')
        self.peer.connect('on-negotiation-needed', self.offer)
        self.peer.connect('notify::ice-gathering-state', self.gathered)
        self.peer.connect('notify::connection-state', self.told_state)
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message', self.told)

    def run(self):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.session:
            say(event='ended', status=self.request('DELETE', self.session).status)
        self.pipeline.set_state(Gst.State.NULL)

    def offer(self, peer):
        def made(promise):
            reply = promise.get_reply()  # Owns the offer.
            peer.emit('set-local-description', reply.get_value('offer'), Gst.Promise.new())

        peer.emit('create-offer', None, Gst.Promise.new_with_change_func(made))

    def gathered(self, peer, _):
        if peer.get_property('ice-gathering-state') == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self.post, daemon=True).start()

    def post(self):
        offer = self.peer.get_property('local-description').sdp.as_text()
        try:
            response = self.request('POST', self.endpoint, offer)
        except urllib.error.HTTPError as error:
            say(event='refused', status=error.code, body=error.read().decode())
            return
        self.session = urljoin(self.endpoint, response.headers['location'])
        _, sdp = GstSdp.SDPMessage.new_from_text(response.read().decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit('set-remote-description', answer, Gst.Promise.new())
        say(event='answered', status=response.status)

    def request(self, method, url, body=None):
        headers = {'User-Agent': f'GStreamer/{Gst.version_string().split()[-1]}'}
        if body:
            headers['Content-Type'] = 'application/sdp'
        if self.key:
            headers['Authorization'] = f'Bearer {self.key}'
        request = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
        return urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S)

    def told_state(self, peer, _):
        say(event=peer.get_property('connection-state').value_nick)

    def told(self, _, message):
        if message.type == Gst.MessageType.LATENCY and self.honest:
            # Sinks came: without it the sender reports of GStreamer 1.22 run twice as fast as the media.
            self.pipeline.recalculate_latency()
        elif message.type == Gst.MessageType.ERROR:
            error, details = message.parse_error()
            say(event='error', message=f'{error.message} ({details})')
            self.loop.quit()


class Publisher(Client):
    """Sends the ball and the tone, and again what was lost."""

    def __init__(self, endpoint, key, codec, lying=None):
        self.honest = not lying
        pipeline = Gst.parse_launch(PUBLISHED.format(encoder=ENCODERS[codec]))
        super().__init__(pipeline, endpoint, key)
        light = pipeline.get_by_name('light')
        # From 0.5, as it is, to 1, all white.
        wave = GstController.LFOControlSource(waveform=GstController.LFOWaveform.SQUARE, amplitude=0.25, offset=0.75, timeshift=Gst.SECOND // 2)
        light.add_control_binding(GstController.DirectControlBinding.new(light, 'brightness', wave))
        for index in range(2):
            transceiver = self.peer.emit('get-transceiver', index)
            transceiver.set_property('direction', GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            transceiver.set_property('do-nack', True)


class Watcher(Client):
    """Decodes what comes, and notes when (in the pipeline's time) the picture turns white and a tone begins."""

    def __init__(self, endpoint):
        super().__init__(Gst.parse_launch('pipeline. ( webrtcbin name=peer bundle-policy=max-bundle )'), endpoint)
        self.report = {'pictures': 0, 'sounds': 0, 'flashes': [], 'beeps': []}
        self.white = self.loud = True
        for caps in WATCHED:
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            self.peer.emit('add-transceiver', direction, Gst.Caps.from_string(caps)).set_property('do-nack', True)
        self.peer.connect('pad-added', self.received)
        GLib.timeout_add(REPORT_MS, lambda: say(event='watched', **self.report) or True)

    def received(self, _, pad):
        decoder = Gst.ElementFactory.make('decodebin')
        decoder.connect('pad-added', self.decoded)
        self.add(decoder)
        pad.link(decoder.get_static_pad('sink'))

    def decoded(self, _, pad):
        format = pad.get_current_caps().get_structure(0)
        video = format.get_name().startswith('video')
        branch = Gst.parse_bin_from_description(SEEN if video else HEARD, True)
        branch.get_by_name('sink').connect('handoff', self.saw if video else self.heard)
        if video:
            self.report['size'] = f"{format.get_value('width')}x{format.get_value('height')}"
        self.add(branch)
        pad.link(branch.get_static_pad('sink'))

    def add(self, element):
        self.pipeline.add(element)
        element.sync_state_with_parent()

    def saw(self, _, buffer, __):
        self.report['pictures'] += 1
        pixels = buffer.extract_dup(0, buffer.get_size())
        luma = sum(pixels) / len(pixels)
        if luma > WHITE and not self.white:
            self.report['flashes'].append(buffer.pts / Gst.SECOND)
        self.white = luma > (BLACK if self.white else WHITE)

    def heard(self, _, buffer, __):
        # By the time that buffers carry: elements that count samples do not notice when it is moved.
        self.report['sounds'] += 1
        samples = array('h', buffer.extract_dup(0, buffer.get_size()))
        for start in range(0, len(samples), LOOK_SAMPLES):
            loud = max(samples[start : start + LOOK_SAMPLES]) > TONE
            if loud and not self.loud:
                self.report['beeps'].append(buffer.pts / Gst.SECOND + start / SAMPLE_RATE)
            self.loud = loud


Gst.init(None)
task, *rest = sys.argv[1:]
if task == 'check':
    missing = [name for name in ELEMENTS.split() if not Gst.ElementFactory.find(name)]
    sys.exit(f"GStreamer has no {', '.join(missing)}" if missing else 0)
else:
    {'publish': Publisher, 'watch': Watcher}[task](*rest).run()
