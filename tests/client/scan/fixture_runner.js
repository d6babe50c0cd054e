/** Compute what `client/mobile/fixtures` expects, with the SDK in JavaScript. `run(sdk, films, maps)`; see test_fixtures.py. */

const [WIDTH, HEIGHT] = [320, 240];
const [SCENE_WIDTH, SCENE_HEIGHT] = [800, 300];
const FRAME = { width: 640, height: 480 };
const [CHANNELS, MAP_WIDTH, MAP_HEIGHT] = [24, 40, 32];
const LETTERS = { moving: "m", settling: "s", stable: "S", sent: "!" };
const PROBLEMS = { "": "-", blurred: "b", dark: "d", bright: "w" };
const scenes = new Map();

function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
}

function drawScene(seed) {
  if (scenes.has(seed)) return scenes.get(seed);
  const draw = numbers(seed);
  const scene = new Uint8Array(SCENE_WIDTH * SCENE_HEIGHT).fill(150);
  for (let i = 0; i < (seed ? 260 : 0); i++) {
    const [x, y, wide, tall, value] = [draw() % SCENE_WIDTH, draw() % SCENE_HEIGHT, 6 + (draw() % 60), 6 + (draw() % 50), 20 + (draw() % 210)];
    for (let row = y; row < Math.min(SCENE_HEIGHT, y + tall); row++) {
      scene.fill(value, row * SCENE_WIDTH + x, row * SCENE_WIDTH + Math.min(SCENE_WIDTH, x + wide));
    }
  }
  scenes.set(seed, scene);
  return scene;
}

/** Return the means along lines; `at(line, i)` is an offset. */
function boxBlur(data, lines, length, radius, at) {
  const blurred = new Int32Array(data.length);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += data[at(line, Math.min(length - 1, Math.max(0, i + k)))];
      blurred[at(line, i)] = Math.floor(sum / (2 * radius + 1));
    }
  }
  return blurred;
}

function drawFrame({ scene, x, y, blur, gain, offset }) {
  const all = drawScene(scene);
  let part = new Int32Array(WIDTH * HEIGHT);
  for (let row = 0; row < HEIGHT; row++) {
    for (let column = 0; column < WIDTH; column++) part[row * WIDTH + column] = all[(y + row) * SCENE_WIDTH + x + column];
  }
  if (blur) part = boxBlur(part, HEIGHT, WIDTH, blur, (line, i) => line * WIDTH + i);
  if (blur) part = boxBlur(part, WIDTH, HEIGHT, blur, (line, i) => i * WIDTH + line);
  return Uint8Array.from(part, (value) => Math.min(255, Math.max(0, ((value * gain) >> 6) + offset)));
}

function runFilm(sdk, frames) {
  const decision = new sdk.ScanDecision();
  const said = { states: "", problems: "", best: "", speed: [], sharpness: [], tracks: [], choices: [] };
  frames.forEach((frame, index) => {
    const found = frame.found?.map(([x1, y1, x2, y2, score, label]) => ({ box: [x1, y1, x2, y2], score, label })) ?? null;
    const choice = decision.step(drawFrame(frame), WIDTH, HEIGHT, frame.timeMs, FRAME, found);
    said.states += LETTERS[decision.selector.state];
    said.problems += PROBLEMS[decision.selector.problem];
    said.best += decision.isBest ? "1" : "0";
    said.speed.push(Math.min(decision.selector.speed, 1e6));
    said.sharpness.push(decision.selector.sharpness);
    said.tracks.push(decision.tracker.tracks.map(({ id, box }) => [id, ...box]));
    if (!choice) return;
    const crop = sdk.sentCrop(choice.box, FRAME.width, FRAME.height);
    said.choices.push({ frame: index, timeMs: choice.timeMs, track: choice.track, box: choice.box, crop });
  });
  return said;
}

function plane(draw, count, scale, least) {
  return Float32Array.from({ length: count * MAP_WIDTH * MAP_HEIGHT }, () => (draw() / 65536) * scale + least);
}

function runMaps(sdk, { seed, peaks, scale, frame, contract }) {
  const draw = numbers(seed);
  const [heat, size, offset] = [plane(draw, CHANNELS, 0.4, 0), plane(draw, 2, 120, 8), plane(draw, 2, 1.5, -0.25)];
  for (const [channel, y, x, value] of peaks) heat[(channel * MAP_HEIGHT + y) * MAP_WIDTH + x] = value;
  const maps = { heat, size, offset, width: MAP_WIDTH, height: MAP_HEIGHT };
  const things = sdk.decodeCenters(maps, { ...sdk.CONTRACT, ...contract }, scale, ...frame);
  return things.map(({ box, score, label }) => [...box, score, label]);
}

export function run(sdk, films, maps) {
  return { films: films.map(({ frames }) => runFilm(sdk, frames)), maps: maps.map((one) => runMaps(sdk, one)) };
}
