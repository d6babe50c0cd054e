const MAX_SIDE = 1600; // the server decodes no more than this of a photo's detail
const SMALL = 1_500_000; // bytes of a file that is sent as it is

/**
 * A photo as it is shown and sent. Boxes are in pixels of `width` x `height`, upright.
 *
 * @typedef {Object} Photo
 * @property {Blob} blob - what is sent
 * @property {string} url - to show; "" where the browser cannot
 * @property {number} width
 * @property {number} height
 * @property {string} id - names it in the history of this device
 */

/**
 * Read a file into a photo. A file that the browser cannot decode is sent as it is, for the server reads more formats.
 *
 * @param {Blob} file
 * @returns {Promise<Photo>}
 */
export async function readPhoto(file) {
  const id = crypto.randomUUID ? crypto.randomUUID().slice(0, 8) : String(Date.now());
  let image;
  try {
    image = await decoded(file);
  } catch {
    return { blob: file, url: "", width: 0, height: 0, id };
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const plain = ["image/jpeg", "image/png", "image/webp"].includes(file.type);
  if (scale === 1 && plain && file.size <= SMALL) {
    return { blob: file, url: image.src, width: image.naturalWidth, height: image.naturalHeight, id };
  }
  const [width, height] = [Math.max(1, Math.round(image.naturalWidth * scale)), Math.max(1, Math.round(image.naturalHeight * scale))];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  URL.revokeObjectURL(image.src);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  return { blob, url: URL.createObjectURL(blob), width, height, id };
}

/** Return a small JPEG of a photo, for the history. */
export async function thumbnail(photo, side = 240) {
  const image = await decoded(photo.blob);
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(photo.width * scale)), Math.max(1, Math.round(photo.height * scale)));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
}

/** Return the picture in a paste or drop, null where there is none. */
export function pictureOf(transfer) {
  const files = [...(transfer?.files || [])];
  return files.find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|jpe?g|png|webp|tiff?|bmp|gif)$/i.test(file.name)) || null;
}

/** Decode a picture in an <img>, which turns it upright and decodes large ones at a reduced scale. */
async function decoded(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } catch (error) {
    URL.revokeObjectURL(image.src);
    throw error;
  }
  if (!image.naturalWidth) throw new Error("empty");
  return image;
}
