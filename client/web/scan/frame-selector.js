/** Choose the sharpest frame of each period in which a camera stands still. */

import { buildPyramid, findCorners, halve, medianMotion, trackPoints } from "./optical-flow.js";
import { measureSharpness } from "./sharpness.js";

/** Thresholds; lengths are parts of the longer side of the frame, times milliseconds. */
export const DEFAULTS = Object.freeze({
  stillBelow: 0.08, // motion a second below which the scene begins to settle
  movingAbove: 0.2, // motion a second above which it moves again
  movingFrames: 2, // frames in a row that must move: one alone may be noise
  sceneChange: 0.4, // mean difference of two coarse frames of deviation 1, above which they show two scenes
  settleMs: 350, // how long the scene must be still
  focusMs: 200, // how long no sharper frame may have come: the camera has found its focus
  minSharpness: 0.3, // see measureSharpness
  sharper: 1.03, // a frame must be sharper by this factor to replace the best one
  minBrightness: 24,
  maxClipped: 0.6,
  gapMs: 1000, // after a longer gap only coarse frames are compared
});

const FLOW_SIDE = 200; // frames are halved until their longer side is below
const COARSE_SIDE = 24;
const MIN_POINTS = 8;
const MIN_DEVIATION = 4; // grey levels: the noise of a wall is not stretched to a scene
const CHANGE_OF_WIDTH = 6; // change of coarse frames that stands for a motion by the whole width

/**
 * Follow a camera's frames: `"moving"`, `"settling"`, `"stable"`, `"sent"`.
 *
 * Nothing is drawn or timed here: frames and their times are passed in. `push` returns `"sent"` for the first time when the
 * best frame of the still period should be used, and nothing more is sent until the scene has moved. The caller keeps the
 * picture of a frame when `isBest` is true after its `push`.
 */
export class FrameSelector {
  /** @param {Partial<typeof DEFAULTS>} options - thresholds that differ from `DEFAULTS`. */
  constructor(options = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.reset();
  }

  /** Forget all frames, also that one was sent. */
  reset() {
    this.state = "moving";
    /** What keeps a still scene from being sent: "", "blurred", "dark" or "bright". */
    this.problem = "";
    /** Whether the last frame is the best one of the still period so far. */
    this.isBest = false;
    /** The best frame of the still period: `{timeMs, sharpness}`, or null. */
    this.best = null;
    /** Sharpness of the last frame, 0 to 1. */
    this.sharpness = 0;
    /** Motion of the last frame, in parts of the longer side a second. */
    this.speed = Infinity;
    /** Median motion from the frame before as [x, y] in parts of the longer side, 0 where unknown; null after a cut or gap. */
    this.shift = null;
    this.previous = null;
    this.sentScene = null;
    this.movedFrames = 0;
    this.stillSince = 0;
  }

  /**
   * Take the next frame and return the state.
   *
   * @param {ArrayLike<number>} gray - width * height grey values, 0 to 255; 160 to 400 pixels wide is enough.
   * @param {number} timeMs - when the frame was taken; any clock that does not run backwards.
   * @returns {"moving"|"settling"|"stable"|"sent"}
   */
  push(gray, width, height, timeMs) {
    const frame = describe(gray, width, height, timeMs);
    const light = measureSharpness(gray, width, height);
    const moved = this.#hasMoved(frame);
    this.previous = frame;
    this.sharpness = light.sharpness;
    this.isBest = false;
    this.problem = "";
    if (moved) this.#toMoving();
    else if (this.state === "moving" && this.speed < this.options.stillBelow) this.#toSettling(timeMs);
    if (this.state === "settling" || this.state === "stable") this.#weigh(light, timeMs);
    return this.state;
  }

  /** Count the scene as sent, as after a shutter: nothing is sent by itself until it moved. */
  markSent() {
    this.state = "sent";
    this.sentScene = this.previous?.coarse ?? null;
    this.movedFrames = 0;
  }

  #toMoving() {
    this.state = "moving";
    this.best = null;
    this.sentScene = null;
    this.movedFrames = 0;
  }

  #toSettling(timeMs) {
    this.state = "settling";
    this.stillSince = timeMs;
    this.best = null;
    this.movedFrames = 0;
  }

  /** Measure the motion from the frame before; return whether the scene is no longer the same. */
  #hasMoved(frame) {
    const { previous, options } = this;
    const elapsed = previous ? frame.timeMs - previous.timeMs : Infinity;
    const drifted = this.sentScene && coarseChange(this.sentScene, frame.coarse) > options.sceneChange;
    this.shift = null;
    if (!(elapsed <= options.gapMs) || previous.pyramid[0].data.length !== frame.pyramid[0].data.length) {
      this.speed = Infinity;
      return !this.sentScene || drifted; // after a pause only another scene is new
    }
    if (elapsed <= 0) return false;
    const points = findCorners(previous.pyramid[0]);
    const { motion, dx, dy, tracked } = medianMotion(trackPoints(previous.pyramid, frame.pyramid, points));
    const change = coarseChange(previous.coarse, frame.coarse);
    // Few tracked points: a cut, a fast pan, or the same scene out of focus. Only coarse frames tell them apart.
    const known = tracked >= Math.max(MIN_POINTS, points.length / 8);
    const longer = Math.max(frame.pyramid[0].width, frame.pyramid[0].height);
    if (change <= options.sceneChange) this.shift = known ? [dx / longer, dy / longer] : [0, 0];
    this.speed = ((known ? motion / longer : change / CHANGE_OF_WIDTH) / elapsed) * 1000;
    if (change > options.sceneChange || drifted) return true;
    this.movedFrames = this.speed > options.movingAbove ? this.movedFrames + 1 : 0;
    return this.movedFrames >= options.movingFrames;
  }

  /** Compare a still frame with the best one, and decide whether that one is sent. */
  #weigh(light, timeMs) {
    const { options } = this;
    if (light.brightness < options.minBrightness) this.problem = "dark";
    else if (light.clipped > options.maxClipped) this.problem = "bright";
    else if (light.sharpness < options.minSharpness) this.problem = "blurred";
    const usable = this.problem === "" || this.problem === "blurred";
    if (usable && light.sharpness > (this.best?.sharpness ?? 0) * options.sharper) {
      this.best = { timeMs, sharpness: light.sharpness };
      this.isBest = true;
    }
    if (timeMs - this.stillSince >= options.settleMs) this.state = "stable";
    const focused = this.best && this.best.sharpness >= options.minSharpness;
    if (this.state === "stable" && focused && timeMs - this.best.timeMs >= options.focusMs) this.markSent();
  }
}

/** Return the pyramid and the coarse picture of a frame. */
function describe(gray, width, height, timeMs) {
  let level = { data: gray, width, height };
  while (Math.max(level.width, level.height) > FLOW_SIDE) level = halve(level);
  const pyramid = buildPyramid(level.data, level.width, level.height);
  let coarse = pyramid.at(-1);
  while (Math.max(coarse.width, coarse.height) > COARSE_SIDE) coarse = halve(coarse);
  return { pyramid, coarse: coarse.data, timeMs };
}

/** Return the mean difference of two coarse pictures of mean 0 and deviation 1: a changed exposure is no other scene. */
function coarseChange(before, after) {
  if (before.length !== after.length) return Infinity;
  const first = normalised(before);
  const second = normalised(after);
  return first.reduce((sum, value, i) => sum + Math.abs(value - second[i]), 0) / first.length;
}

function normalised(data) {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return Float64Array.from(data, (value) => (value - mean) / Math.max(MIN_DEVIATION, Math.sqrt(variance)));
}
