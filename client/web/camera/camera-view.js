/** `<whatsit-camera>`: a live view that gives the sharpest frame as soon as the picture stands still. */

import { CameraStream } from "./camera-stream.js";
import { CAMERA_STYLE } from "./camera-style.js";
import { CAMERA_TEMPLATE, ICONS } from "./camera-template.js";
import { cameraText } from "./camera-text.js";
import { FrameGrabber } from "../scan/frame-grabber.js";
import { ScanSession } from "../scan/scan-session.js";

const ANALYSE_EVERY_MS = 45; // about 20 frames a second are enough, and spare the battery
const RECENT_MS = 600; // a shutter may use the best frame of this time: the press itself shakes the phone
const THUMBNAIL = 96; // longer side of a thumbnail
const SAY_AFTER_MS = 150; // texts that stand for less are not shown

/**
 * The camera. It opens when the element is inserted, and is released by `stop()` or when the element is removed.
 *
 * Attributes and properties:
 *   mode: "photo" (a shutter, or by itself when the picture is still and sharp; one photo until `resume()`) or "scan" (one
 *     frame of each scene).
 *   text: sentences and names of buttons that differ from those in `camera-text.js`, which follow the attribute `lang`.
 *   manual: an attribute: the camera opens at `start()` only, not when the element is inserted.
 *   state: reflected: "off", "starting", "moving", "settling", "stable", "sent", "paused" or "error"; the attribute
 *     `problem` is there while a still picture is not sharp, too dark or too bright.
 *
 * Events (they bubble out of shadow trees):
 *   whatsit-frame: `{blob, width, height, shutterTime, automatic, box, thumbnail}`: a JPEG in the camera's resolution;
 *     `shutterTime` is the `performance.now()` of the shutter's release, or of the decision where there was no shutter. With a
 *     `detector` in the mode "scan", the JPEG shows one thing, `box` is where, and `thumbnail` the whole frame, small.
 *   whatsit-camera-error: `{reason}`: "denied", "none" or "insecure"; a child with `slot="error"` is shown below the
 *     sentence, such as a button that chooses a file.
 *   whatsit-camera-state: `{state}`.
 */
export class WhatsitCamera extends HTMLElement {
  static observedAttributes = ["mode"];

  #text = {}; // what the page passed
  #camera = null;
  #attempt = 0; // a later start() or stop() outdates those that wait for the browser
  #session = new ScanSession();
  #grabber = new FrameGrabber();
  #armed = true; // photo mode: no frame was sent yet
  #lastAnalysis = 0;
  #sayTimer = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [CAMERA_STYLE];
    root.append(CAMERA_TEMPLATE.content.cloneNode(true));
    this.#part(".shutter").addEventListener("click", () => this.#onShutter());
    this.#part(".torch").addEventListener("click", () => this.#onTorch());
    this.#part(".switch").addEventListener("click", () => this.#onSwitch());
    this.#part("video").muted = true; // the attribute alone has no effect in a copy of a template
    this.#part("video").addEventListener("resize", () => this.#fitFrame());
    this.#label();
  }

  connectedCallback() {
    this.#label(); // in the language around it
    if (!this.hasAttribute("state")) this.#setState("off");
    // Later, so that whoever inserts the element can set its properties and listen to its events first.
    if (!this.hasAttribute("manual")) queueMicrotask(() => this.isConnected && this.start());
  }

  disconnectedCallback() {
    this.stop();
  }

  attributeChangedCallback() {
    this.resume();
  }

  get mode() {
    return this.getAttribute("mode") === "scan" ? "scan" : "photo";
  }

  set mode(mode) {
    this.setAttribute("mode", mode);
  }

  get text() {
    return { ...cameraText(this.closest("[lang]")?.lang), ...this.#text };
  }

  set text(text) {
    this.#text = text;
    this.#label();
  }

  /** Finds things while the camera moves, see `openDetector`; null sends whole frames. */
  set detector(detector) {
    this.#session.detector = detector;
  }

  get state() {
    return this.getAttribute("state");
  }

  /** Open the camera; an event says so where that is not possible. */
  async start() {
    if (!this.#camera) await this.#open("");
  }

  /** Release the camera. */
  stop() {
    this.#attempt++;
    this.#release();
    this.#setState("off");
  }

  /** Look for the next still scene, as after `start()`: also after a photo, and after a pause. */
  resume() {
    this.#armed = true;
    this.#session.reset();
    if (this.#camera) this.#setState("moving");
    this.#label();
  }

  /** Stop looking for frames; the live view goes on. */
  pause() {
    if (this.#camera) this.#setState("paused");
    this.#label();
  }

  /** Send a frame now, as the shutter does. */
  async shoot() {
    const video = this.#part("video");
    if (!this.#camera || !video.videoWidth) return;
    const shutterTime = performance.now();
    const { best, sharpness } = this.#session.selector;
    const recent = best && shutterTime - best.timeMs < RECENT_MS && best.sharpness > sharpness;
    if (!recent) {
      this.#grabber.grab(video, true);
      this.#grabber.keep(video);
    }
    this.#session.selector.markSent();
    if (this.state !== "paused") this.#setState("sent");
    await this.#send(shutterTime, false);
  }

  #part(selector) {
    return this.shadowRoot.querySelector(selector);
  }

  async #open(deviceId) {
    const attempt = ++this.#attempt;
    this.#release();
    this.#setState("starting");
    try {
      const camera = await CameraStream.open(deviceId);
      if (attempt !== this.#attempt) return camera.close();
      this.#camera = camera;
      await this.#show(attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(error.reason ?? "none");
    }
  }

  /** Show the camera's stream and begin to look at its frames. */
  async #show(attempt) {
    const camera = this.#camera;
    const video = this.#part("video");
    camera.track.addEventListener("ended", () => this.#camera === camera && this.#fail("none"));
    video.srcObject = camera.stream;
    await video.play();
    const next = await camera.nextDevice();
    if (attempt !== this.#attempt) return;
    video.classList.toggle("mirrored", camera.facesUser);
    this.#part(".torch").hidden = !camera.hasTorch;
    this.#part(".switch").hidden = !next;
    this.resume();
    this.#watch(attempt);
  }

  #release() {
    this.#camera?.close();
    this.#camera = null;
    this.#part("video").srcObject = null;
    this.#part(".torch").hidden = this.#part(".switch").hidden = true;
  }

  #fail(reason) {
    this.#attempt++;
    this.#release();
    this.reason = reason;
    this.#setState("error");
    this.#emit("whatsit-camera-error", { reason });
  }

  /** Analyse each new frame of the video until the camera is released. */
  #watch(attempt) {
    const video = this.#part("video");
    const next = () => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(step);
      else requestAnimationFrame(step);
    };
    const step = () => {
      if (attempt !== this.#attempt) return;
      const now = performance.now();
      const wanted = this.state !== "paused" && (this.mode === "scan" || this.#armed);
      if (wanted && now - this.#lastAnalysis >= ANALYSE_EVERY_MS && video.videoWidth) {
        this.#lastAnalysis = now;
        this.#analyse(video, now);
      }
      next();
    };
    next();
  }

  #analyse(video, now) {
    const { selector } = this.#session;
    const small = this.#grabber.grab(video, selector.state === "settling" || selector.state === "stable");
    const choice = this.#session.step(video, small, now);
    if (selector.isBest) this.#grabber.keep(video);
    this.#setState(selector.state);
    if (choice) this.#send(now, true, choice);
  }

  async #send(shutterTime, automatic, choice = null) {
    this.#armed = false;
    const flash = this.#part(".flash");
    flash.classList.remove("on");
    void flash.offsetWidth; // begins the animation again
    flash.classList.add("on");
    const box = this.mode === "scan" ? await this.#session.boxOf(choice, this.#grabber.held) : null;
    const thumbnail = box && (await this.#grabber.encode(undefined, THUMBNAIL)).blob;
    this.#emit("whatsit-frame", { ...(await this.#session.encode(this.#grabber, box)), shutterTime, automatic, thumbnail });
  }

  #onShutter() {
    if (this.mode === "photo") this.shoot();
    else if (this.state === "paused") this.resume();
    else this.pause();
  }

  async #onTorch() {
    await this.#camera?.setTorch(!this.#camera.torch);
    this.#label();
  }

  async #onSwitch() {
    const next = await this.#camera?.nextDevice();
    if (next) await this.#open(next);
    this.#part(".switch").focus();
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Reflect a state, and say it once it has stood for a moment. */
  #setState(state) {
    const changed = state !== this.state;
    if (changed) this.setAttribute("state", state);
    const { problem } = this.#session.selector;
    const said = state === "stable" && problem ? problem : state;
    this.toggleAttribute("problem", said === problem);
    if (said !== this.said) {
      this.said = said;
      clearTimeout(this.#sayTimer);
      this.#sayTimer = setTimeout(() => this.#say(), state === "starting" || state === "error" ? 0 : SAY_AFTER_MS);
    }
    if (changed) this.#emit("whatsit-camera-state", { state });
  }

  #say() {
    const failed = this.state === "error";
    this.#part(".status").hidden = failed || this.state === "off" || !this.said;
    this.#part(".status").textContent = this.text[this.said] ?? "";
    this.#part(".message").hidden = !failed;
    this.#part(".message p").textContent = failed ? this.text[this.reason] : "";
    this.#part(".shutter").disabled = !this.#camera;
  }

  /** Write all names again: after another language, mode or light. */
  #label() {
    const name = (selector, text) => {
      this.#part(selector).setAttribute("aria-label", text);
      this.#part(selector).title = text;
    };
    const { text } = this;
    const paused = this.state === "paused";
    const torch = Boolean(this.#camera?.torch);
    this.#part("video").setAttribute("aria-label", text.view);
    name(".shutter", this.mode === "photo" ? text.shutter : paused ? text.resume : text.pause);
    name(".torch", torch ? text.torchOff : text.torchOn);
    name(".switch", text.switchCamera);
    this.#part(".torch").setAttribute("aria-pressed", String(torch));
    this.#part(".shutter span").innerHTML = this.mode === "photo" ? "" : paused ? ICONS.resume : ICONS.pause;
    this.#say();
  }

  #fitFrame() {
    const { videoWidth, videoHeight } = this.#part("video");
    if (videoWidth) this.#part(".frame").style.setProperty("--aspect", String(videoWidth / videoHeight));
  }
}

customElements.define("whatsit-camera", WhatsitCamera);
