/** Grey frames and boxes in, what to send out; `whatsit_client.scan.scanner` computes the same. */

import { FrameSelector } from "./frame-selector.js";
import { Tracker } from "./tracker.js";

export const SCAN_DEFAULTS = Object.freeze({
  detectEveryMs: 0, // the detector runs at most so often; 0 for every frame
  idleEveryMs: 250, // the same while a sent thing is still in view
  margin: 0.15, // part of the thing's sides that is sent around it
  context: 0.25, // a thing that covers less of the frame is sent with all of the frame: it may be one fruit of a heap
  withoutBox: true, // send the whole frame where the detector finds nothing in a still, sharp one
});

/** Decide on each frame; no camera, no clock, no network. */
export class ScanDecision {
  /** @param options - `scan`, `selector` and `tracker`: what differs from their defaults. */
  constructor({ scan = {}, selector = {}, tracker = {} } = {}) {
    this.options = { ...SCAN_DEFAULTS, ...scan };
    this.selector = new FrameSelector(selector);
    this.tracker = new Tracker(tracker);
    this.reset();
  }

  /** Forget everything, as when the camera was closed. */
  reset() {
    this.selector.reset();
    this.tracker.reset();
    /** Whether the caller should keep the last frame. */
    this.isBest = false;
    this.detectedMs = -Infinity;
    this.best = null;
    this.sinceBest = [0, 0]; // motion of the picture in pixels of the frame
  }

  /** Return whether the detector should run on the frame of that time. */
  wantsDetection(timeMs) {
    const { idleEveryMs, detectEveryMs } = this.options;
    return timeMs - this.detectedMs >= (this.selector.state === "sent" ? idleEveryMs : detectEveryMs);
  }

  /**
   * Take the next frame; return what should be sent now, or null.
   *
   * @param {ArrayLike<number>} gray - the reduced frame.
   * @param {{width: number, height: number}} frame - size of the whole frame; boxes are in its pixels.
   * @param {Array|null} found - things in this frame, best first; null where the detector did not run.
   * @returns {{timeMs, track, box, score, label, sharpness}|null} `timeMs` of the frame that was kept; `track` 0 and `box`
   *   null for the whole frame.
   */
  step(gray, grayWidth, grayHeight, timeMs, frame, found = null) {
    const { selector } = this;
    const before = selector.state;
    const state = selector.push(gray, grayWidth, grayHeight, timeMs);
    this.#move(frame);
    if (found) this.addDetections(found, timeMs, frame);
    this.isBest = selector.isBest;
    if (selector.isBest) {
      this.sinceBest = [0, 0];
      this.best = this.#choose(timeMs, selector.sharpness, frame);
    }
    if (state !== "sent" || before === "sent" || !this.best) return null;
    const { best } = this;
    return this.#send(best.track ? best : this.#choose(best.timeMs, best.sharpness, frame)); // or found after that frame
  }

  /** Move all things along with the picture. */
  #move({ width, height }) {
    const { shift } = this.selector;
    if (!shift) return this.tracker.reset();
    const [dx, dy] = shift.map((part) => part * Math.max(width, height));
    this.tracker.shift(dx, dy);
    this.sinceBest = [this.sinceBest[0] + dx, this.sinceBest[1] + dy];
  }

  /** Take things that were found late, already moved along to where they are in the last frame. */
  addDetections(found, timeMs, { width, height }) {
    this.detectedMs = timeMs;
    this.tracker.update(found, width, height);
  }

  /** Return the main thing, where it was in the best frame. */
  #choose(timeMs, sharpness, { width, height }) {
    const main = this.tracker.main(width, height);
    if (!main) return { timeMs, track: 0, box: null, score: 1, label: 0, sharpness };
    const box = main.box.map((side, i) => Math.min(i % 2 ? height : width, Math.max(0, side - this.sinceBest[i % 2])));
    return { timeMs, track: main.id, box, score: main.score, label: main.label, sharpness };
  }

  /** Return a choice unless its thing was sent before. */
  #send(choice) {
    if (!choice.track) return this.options.withoutBox ? choice : null;
    const track = this.tracker.tracks.find(({ id }) => id === choice.track);
    if (track?.sent) return null;
    if (track) track.sent = true;
    return choice;
  }
}

/** Return the part of a frame that is sent for a box, in whole pixels; null stands for the whole frame. */
export function sentCrop(box, width, height, { margin, context } = SCAN_DEFAULTS) {
  const isSmall = box && (box[2] - box[0]) * (box[3] - box[1]) < context * width * height;
  return box && !isSmall ? widened(box, margin, width, height) : [0, 0, width, height];
}

/** Return whole pixels of a box that is widened by a part of its sides, inside a frame. */
export function widened([x1, y1, x2, y2], margin, width, height) {
  const across = margin * (x2 - x1);
  const down = margin * (y2 - y1);
  const left = Math.max(0, Math.floor(x1 - across));
  const top = Math.max(0, Math.floor(y1 - down));
  return [left, top, Math.max(left + 1, Math.min(width, Math.ceil(x2 + across))), Math.max(top + 1, Math.min(height, Math.ceil(y2 + down)))];
}
