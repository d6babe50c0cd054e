/** One open camera: its stream, its torch, and the next camera of the device. */

const WANTED = { width: { ideal: 1280 }, height: { ideal: 960 }, frameRate: { ideal: 30 } };

/** No camera can be used; `reason` is "denied", "none" or "insecure". */
export class CameraError extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

function asCameraError(error) {
  const denied = error.name === "NotAllowedError" || error.name === "SecurityError";
  return new CameraError(denied ? "denied" : "none", `${error.name}: ${error.message}`);
}

/** An open camera. `CameraStream.open()` makes one; `close()` releases it. */
export class CameraStream {
  /**
   * Open a camera, the one on the back where there are several.
   *
   * @param {string} deviceId - the camera to open; empty for the browser's choice.
   * @throws {CameraError} where the page or the person does not allow it, or there is none.
   */
  static async open(deviceId = "") {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      throw new CameraError("insecure", "Browsers give cameras to pages over https and on 127.0.0.1 only.");
    }
    const choice = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...choice }, audio: false });
      return new CameraStream(stream);
    } catch (error) {
      throw asCameraError(error);
    }
  }

  constructor(stream) {
    this.stream = stream;
    this.track = stream.getVideoTracks()[0];
    this.torch = false;
  }

  get hasTorch() {
    return Boolean(this.track.getCapabilities?.().torch);
  }

  /** Whether the camera looks at the person who holds it: shown as in a mirror. */
  get facesUser() {
    return this.track.getSettings().facingMode === "user";
  }

  /** Turn the torch on or off; return whether it is on. */
  async setTorch(on) {
    try {
      await this.track.applyConstraints({ advanced: [{ torch: on }] });
      this.torch = on;
    } catch {
      this.torch = false; // the light is in use elsewhere
    }
    return this.torch;
  }

  /** Return the id of the camera after this one, or "" where it is the only one. */
  async nextDevice() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const ids = devices.filter((device) => device.kind === "videoinput" && device.deviceId).map((d) => d.deviceId);
    const next = ids[(ids.indexOf(this.track.getSettings().deviceId) + 1) % ids.length];
    return ids.length > 1 ? next : "";
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
  }
}
