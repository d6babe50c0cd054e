/** A video and a detector that comes late: the decision of each frame, and the crop to send. */

import { LateDetections } from "./late-detections.js";
import { ScanDecision, sentCrop } from "./scan-decision.js";
import { Tracker } from "./tracker.js";

const LONGEST = 640; // longer side of what is sent of a thing

/** One scan of one camera. */
export class ScanSession {
  #late = new LateDetections();

  constructor(options = {}) {
    this.decision = new ScanDecision(options);
    /** A `WorkerDetector` or `ServerDetector`; null sends whole frames. */
    this.detector = null;
  }

  get selector() {
    return this.decision.selector;
  }

  reset() {
    this.decision.reset();
    this.#late.reset();
  }

  /**
   * Take a frame of a video; return what should be sent now, or null.
   *
   * @param {{gray, width, height}} small - what `FrameGrabber.grab` gave.
   */
  step(video, { gray, width, height }, timeMs) {
    const frame = { width: video.videoWidth, height: video.videoHeight };
    const choice = this.decision.step(gray, width, height, timeMs, frame);
    if (!this.detector?.onEveryFrame) return choice;
    const { shift } = this.selector;
    const longer = Math.max(frame.width, frame.height);
    this.#late.move(shift && [shift[0] * longer, shift[1] * longer]);
    const things = this.#late.take();
    if (things) this.decision.addDetections(things, timeMs, frame);
    if (!this.#late.busy && this.decision.wantsDetection(timeMs)) this.#late.start(this.detector.detect(video));
    return choice;
  }

  /**
   * Return the box to send of the kept frame, [x1, y1, x2, y2] in its pixels; null for all of it.
   *
   * @param {HTMLCanvasElement} kept - the frame.
   */
  async boxOf(choice, kept) {
    if (choice?.box || !this.detector || this.detector.onEveryFrame) return choice?.box ?? null;
    const tracker = new Tracker({ minHits: 1 }); // the server's `detect` is asked about this frame alone
    tracker.update(await this.detector.detect(kept).catch(() => []), kept.width, kept.height);
    return tracker.main(kept.width, kept.height)?.box ?? null;
  }

  /** Return the JPEG of what is sent for a box of the kept frame, and the box in its pixels. */
  async encode(grabber, box) {
    const { width, height } = grabber.held;
    const crop = sentCrop(box, width, height, this.decision.options);
    const picture = await grabber.encode(crop, box ? LONGEST : Infinity);
    const scale = picture.width / (crop[2] - crop[0]);
    const inner = box && box.map((side, i) => Math.min(i % 2 ? picture.height : picture.width, Math.max(0, (side - crop[i % 2]) * scale)));
    return { ...picture, box: inner };
  }
}
