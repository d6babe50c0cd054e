/** Copy frames of a video: small and grey to look at, and in full to keep. */

const JPEG_QUALITY = 0.9;

/** Return the size of a picture whose longer side is reduced to `longest`, both sides multiples of 4. */
export function reducedSize(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const side = (length) => Math.max(4, Math.round((length * scale) / 4) * 4);
  return { width: side(width), height: side(height) };
}

function drawFull(canvas, video) {
  if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
  }
  canvas.getContext("2d", { alpha: false }).drawImage(video, 0, 0);
}

/** Holds one full frame, the best so far, beside the last one. */
export class FrameGrabber {
  /** @param {number} longest - longer side of the grey frames in pixels. */
  constructor(longest = 320) {
    this.longest = longest;
    this.small = document.createElement("canvas");
    this.context = this.small.getContext("2d", { alpha: false, willReadFrequently: true });
    this.spare = document.createElement("canvas");
    this.held = document.createElement("canvas");
    this.spareIsLast = false;
    this.gray = new Uint8Array(0);
  }

  /**
   * Return the current frame in grey as `{gray, width, height}`; the array is used again for the next one.
   *
   * @param {boolean} full - copy the frame in full too, so that `keep` holds exactly this one.
   */
  grab(video, full) {
    const { width, height } = reducedSize(video.videoWidth, video.videoHeight, this.longest);
    if (this.small.width !== width || this.small.height !== height) {
      this.small.width = width;
      this.small.height = height;
      this.gray = new Uint8Array(width * height);
    }
    this.context.drawImage(video, 0, 0, width, height);
    this.spareIsLast = full;
    if (full) drawFull(this.spare, video);
    const { data } = this.context.getImageData(0, 0, width, height);
    const { gray } = this;
    for (let i = 0, k = 0; i < gray.length; i++, k += 4) {
      gray[i] = (77 * data[k] + 150 * data[k + 1] + 29 * data[k + 2]) >> 8; // Rec. 601
    }
    return { gray, width, height };
  }

  /** Hold the last frame in full. */
  keep(video) {
    if (!this.spareIsLast) drawFull(this.spare, video);
    [this.held, this.spare] = [this.spare, this.held];
    this.spareIsLast = false;
  }

  /**
   * Return the held frame as `{blob, width, height}`, a JPEG.
   *
   * @param {number[]} [crop] - the part [x1, y1, x2, y2] of it, in whole pixels.
   * @param {number} [longest] - a longer side is reduced to it.
   */
  async encode([x1, y1, x2, y2] = [0, 0, this.held.width, this.held.height], longest = Infinity) {
    const scale = Math.min(1, longest / Math.max(x2 - x1, y2 - y1));
    const width = Math.max(1, Math.round((x2 - x1) * scale));
    const height = Math.max(1, Math.round((y2 - y1) * scale));
    let canvas = this.held;
    if (width !== canvas.width || height !== canvas.height) {
      canvas = document.createElement("canvas");
      Object.assign(canvas, { width, height });
      canvas.getContext("2d", { alpha: false }).drawImage(this.held, x1, y1, x2 - x1, y2 - y1, 0, 0, width, height);
    }
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    return { blob, width, height };
  }
}
