/** The scan SDK: still and sharp frames, things in them, one request for each. No dependency, no build step. */

export { CONTRACT, canvasOf, decodeCenters } from "./center-decoding.js";
export { FrameGrabber } from "./frame-grabber.js";
export { DEFAULTS as SELECTOR_DEFAULTS, FrameSelector } from "./frame-selector.js";
export { LateDetections } from "./late-detections.js";
export { openDetector, ServerDetector, WorkerDetector } from "./scan-detector.js";
export { SCAN_DEFAULTS, ScanDecision, sentCrop, widened } from "./scan-decision.js";
export { ScanSession } from "./scan-session.js";
export { measureSharpness } from "./sharpness.js";
export { Tracker, TRACKER_DEFAULTS } from "./tracker.js";
