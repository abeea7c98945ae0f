// The page in which JsSIP's phones live, one for each number.  What a test says is phones.NAME(number, ...).

const PITCH = { 101: 600, 102: 1200, 103: 2400 }; // what each of them says, in Hz
const voices = new AudioContext();
const uas = {};
const talks = {}; // the calls of each, the oldest first

function voice(number) {
  const tone = voices.createOscillator();
  const stream = voices.createMediaStreamDestination();
  tone.frequency.value = PITCH[number];
  tone.connect(stream);
  tone.start();
  return stream.stream;
}

// What arrives is looked at by its pitch; Chrome lets it flow only if something plays it.
function listen(session) {
  session.connection.addEventListener("track", (event) => {
    const stream = new MediaStream([event.track]);
    const player = new Audio();
    player.srcObject = stream;
    player.muted = true;
    player.play();
    session.player = player;
    session.ear = voices.createAnalyser();
    session.ear.fftSize = 8192;
    voices.createMediaStreamSource(stream).connect(session.ear);
  });
}

function loudest(ear) {
  const levels = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(levels);
  const at = levels.indexOf(Math.max(...levels));
  return levels[at] < -70 ? 0 : (at * voices.sampleRate) / ear.fftSize;
}

function until(what, seconds = 60) {
  return new Promise((done, failed) => {
    const began = Date.now();
    const look = () => {
      if (what()) done(true);
      else if (Date.now() - began > seconds * 1000) failed(new Error(`${seconds} s in vain for ${what}`));
      else setTimeout(look, 20);
    };
    look();
  });
}

function once(emitter, good, bad) {
  return new Promise((done, failed) => {
    emitter.on(good, () => done(good));
    emitter.on(bad, (event) => failed(new Error(`${bad}: ${event.cause || event.status_code || ""}`)));
  });
}

const live = (number) => talks[number].filter((session) => !session.isEnded());

const phones = {
  async start(number, server, domain, password) {
    const socket = new JsSIP.WebSocketInterface(server);
    const ua = new JsSIP.UA({ sockets: [socket], uri: `sip:${number}@${domain}`, password });
    talks[number] = [];
    ua.on("newRTCSession", ({ session, originator }) => {
      talks[number].push(session);
      if (originator === "local") return;
      session.on("peerconnection", () => listen(session));
      session.answer({ mediaStream: voice(number) });
    });
    uas[number] = ua;
    ua.start();
    return once(ua, "registered", "registrationFailed");
  },

  async dial(number, to) {
    const session = uas[number].call(to, { mediaStream: voice(number) });
    listen(session);
    await once(session, "confirmed", "failed");
  },

  hold: (number) => new Promise((done) => live(number).at(-1).hold({}, done)),

  resume: (number) => new Promise((done) => live(number).at(-1).unhold({}, done)),

  held: (number) => until(() => live(number).at(-1).isOnHold().remote),

  lost: (number) => until(() => !uas[number].isConnected()),

  registered: (number) => until(() => uas[number].isRegistered()),

  // The first call goes to a number, or to the party of the latest one.
  async transfer(number, to) {
    const options = to ? {} : { replaces: live(number).at(-1) };
    const first = live(number)[0];
    const target = to || live(number).at(-1).remote_identity.uri.user;
    await new Promise((done, failed) => {
      options.eventHandlers = { accepted: done, requestFailed: failed, failed };
      first.refer(target, options);
    });
    live(number).forEach((session) => session.terminate());
  },

  async hang_up(number) {
    live(number).forEach((session) => session.terminate());
  },

  quiet: (number) => until(() => live(number).length === 0),

  // What a phone hears in its only call is the voice of another.
  hears: (number, other) =>
    until(() => {
      const [session, ...more] = live(number);
      const pitch = session && session.ear && !more.length ? loudest(session.ear) : 0;
      return Math.abs(pitch - PITCH[other]) < 30;
    }),

  state: (number) =>
    JSON.stringify(
      talks[number].map((session) => [
        session.isEnded() ? "ended" : "live",
        session.connection && session.connection.connectionState,
        session.ear ? Math.round(loudest(session.ear)) : null,
      ]),
    ),
};
