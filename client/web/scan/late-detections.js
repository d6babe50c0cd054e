/** Detections that come some frames late, moved along with the picture meanwhile. */
export class LateDetections {
  #pending = null;
  #ready = null;

  /** Whether the detector is at work. */
  get busy() {
    return this.#pending !== null;
  }

  /** Wait for the things in the frame that was just analysed; a failed run counts as none. */
  start(promise) {
    const run = { dx: 0, dy: 0, cut: false };
    this.#pending = run;
    promise.catch(() => null).then((found) => {
      if (this.#pending !== run) return;
      this.#pending = null;
      this.#ready = found && !run.cut ? { found, run } : null;
    });
  }

  /** Take the motion of a new frame in pixels, null after a cut. */
  move(shift) {
    for (const run of [this.#pending, this.#ready?.run]) {
      if (run && shift) {
        run.dx += shift[0];
        run.dy += shift[1];
      } else if (run) {
        run.cut = true;
      }
    }
    if (this.#ready?.run.cut) this.#ready = null;
  }

  /** Return the things that came, where they are now; null where none came. */
  take() {
    if (!this.#ready) return null;
    const { found, run } = this.#ready;
    this.#ready = null;
    return found.map((thing) => ({ ...thing, box: thing.box.map((side, i) => side + (i % 2 ? run.dy : run.dx)) }));
  }

  /** Forget what is under way. */
  reset() {
    this.#pending = this.#ready = null;
  }
}
