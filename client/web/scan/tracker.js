/** Boxes that keep their identity from frame to frame; `whatsit_client.scan.tracker` computes the same. */

import { overlap } from "./center-decoding.js";

export const TRACKER_DEFAULTS = Object.freeze({
  matchIou: 0.3, // overlap that a detection must have with a track to continue it
  newScore: 0.35, // weaker detections begin no track
  maxMisses: 10, // detector runs without the thing after which it is forgotten
  minHits: 2, // frames in which a thing must have been found to count
  crowd: 0.6, // overlap with a track above which another detection begins no track of its own
});

const SMOOTHING = 0.6; // share of the new box in a track's box
const SCORE_SMOOTHING = 0.3;

/** Follow things by overlap, after the motion of the camera was taken off. */
export class Tracker {
  /** @param {Partial<typeof TRACKER_DEFAULTS>} options */
  constructor(options = {}) {
    this.options = { ...TRACKER_DEFAULTS, ...options };
    /** `[{id, box, score, label, hits, misses, sent}]`, boxes [x1, y1, x2, y2] in pixels of the frame. */
    this.tracks = [];
    this.nextId = 1;
  }

  /** Forget all things, as after a cut. */
  reset() {
    this.tracks = [];
  }

  /** Move all things along with the picture. */
  shift(dx, dy) {
    for (const track of this.tracks) track.box = track.box.map((side, i) => side + (i % 2 ? dy : dx));
  }

  /**
   * Take the detections of a frame; return the tracks.
   *
   * @param {Array<{box: number[], score: number, label: number}>} found - best first.
   */
  update(found, width, height) {
    const { options } = this;
    const pairs = [];
    this.tracks.forEach((track, row) => found.forEach(({ box }, index) => {
      const shared = overlap(track.box, box);
      if (shared >= options.matchIou) pairs.push({ shared, row, index });
    }));
    pairs.sort((a, b) => b.shared - a.shared || a.row - b.row || a.index - b.index);
    const seen = new Set();
    const taken = new Set();
    for (const { row, index } of pairs) {
      if (seen.has(row) || taken.has(index)) continue;
      seen.add(row);
      taken.add(index);
      continueTrack(this.tracks[row], found[index]);
    }
    this.tracks.forEach((track, row) => { track.misses += seen.has(row) ? 0 : 1; });
    this.tracks = this.tracks.filter((track) => track.misses <= options.maxMisses && isVisible(track.box, width, height));
    found.forEach(({ box, score, label }, index) => {
      const crowded = this.tracks.some((track) => !track.misses && overlap(box, track.box) > options.crowd);
      if (taken.has(index) || score < options.newScore || crowded) return;
      this.tracks.push({ id: this.nextId++, box: [...box], score, label, hits: 1, misses: 0, sent: false });
    });
    return this.tracks;
  }

  /** Return the thing that the camera points at (large, near the middle, surely there), or null. */
  main(width, height) {
    let best = null;
    let highest = 0;
    for (const track of this.tracks) {
      const weight = track.hits >= this.options.minHits && !track.misses ? weightOf(track, width, height) : 0;
      if (weight > highest) {
        highest = weight;
        best = track;
      }
    }
    return best;
  }
}

function continueTrack(track, { box, score, label }) {
  track.box = track.box.map((side, i) => side + SMOOTHING * (box[i] - side));
  track.score += SCORE_SMOOTHING * (score - track.score);
  track.label = label || track.label;
  track.hits++;
  track.misses = 0;
}

/** Return whether the middle of a box lies in the frame. */
function isVisible([x1, y1, x2, y2], width, height) {
  const x = (x1 + x2) / 2;
  const y = (y1 + y2) / 2;
  return x >= 0 && x <= width && y >= 0 && y <= height;
}

/** Return score * root of the area's share * nearness to the middle, 0 to 1. */
function weightOf({ box: [x1, y1, x2, y2], score }, width, height) {
  const share = (Math.max(0, x2 - x1) * Math.max(0, y2 - y1)) / (width * height);
  const away = (((x1 + x2) / width - 1) ** 2 + ((y1 + y2) / height - 1) ** 2) / 2; // 0 in the middle, 1 in a corner
  return score * Math.sqrt(Math.min(1, share)) * (1 - 0.8 * away);
}
