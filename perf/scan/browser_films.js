// Runs in the page of `browser_films.py`: the SDK on a film that Chromium plays as its camera, until the film begins again.
async ({ count, limitMs, detector }) => {
  const { FrameGrabber, ScanSession, openDetector } = await import("/scan/index.js");
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const session = new ScanSession();
  session.detector = detector ? await openDetector() : null;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const grabber = new FrameGrabber();
  const strip = document.createElement("canvas");
  Object.assign(strip, { width: 320, height: 16 });
  const context = strip.getContext("2d", { willReadFrequently: true });

  /** Return the number of the frame, ten blocks of 32 pixels at the lower left. */
  function readNumber() {
    context.drawImage(video, 0, video.videoHeight - 16, 320, 16, 0, 0, 320, 16);
    const { data } = context.getImageData(0, 8, 320, 1);
    let number = 0;
    for (let bit = 0; bit < 10; bit++) number |= (data[4 * (32 * bit + 16)] > 127 ? 1 : 0) << bit;
    return number;
  }

  const found = { sent: [], ms: [], frames: 0, first: -1, last: -1, detected: 0, runtime: session.detector?.constructor.name ?? "" };
  const begin = performance.now();
  let analysed = -Infinity;
  let best = -1;
  while (performance.now() - begin < limitMs) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const now = performance.now();
    if (now - analysed < 45) continue; // as the page's camera does
    analysed = now;
    const number = readNumber();
    if (found.first < 0) found.first = number;
    if (number < found.last - 5) break; // the film begins again
    found.last = Math.max(found.last, number);
    const start = performance.now();
    const { selector } = session;
    const small = grabber.grab(video, selector.state === "settling" || selector.state === "stable");
    const choice = session.step(video, small, now);
    found.ms.push(performance.now() - start);
    found.frames++;
    if (selector.isBest) {
      grabber.keep(video);
      best = number;
    }
    if (session.decision.tracker.tracks.length) found.detected++;
    if (choice) found.sent.push({ decided: number, chosen: best, box: choice.box });
  }
  session.detector?.close();
  for (const track of video.srcObject.getTracks()) track.stop();
  return found;
}
