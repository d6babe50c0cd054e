// Runs in the page of `frame_cost.py`: the camera's work on each frame, in milliseconds by part.
async ({ frames, width, height }) => {
  const { FrameGrabber } = await import("/scan/frame-grabber.js");
  const { FrameSelector } = await import("/scan/frame-selector.js");
  const { buildPyramid, findCorners, halve, trackPoints } = await import("/scan/optical-flow.js");
  const { measureSharpness } = await import("/scan/sharpness.js");
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width, height } });
  document.body.append(video);
  await video.play();

  const grabber = new FrameGrabber();
  const selector = new FrameSelector();
  const times = { grab: [], "grab and keep": [], selector: [], "of it sharpness": [], "of it flow": [], JPEG: [] };
  const time = (part, work) => {
    const start = performance.now();
    const result = work();
    times[part].push(performance.now() - start);
    return result;
  };
  let before = null;
  let points = 0;
  for (let i = 0; i < frames; i++) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const full = i % 2 === 1;
    const frame = time(full ? "grab and keep" : "grab", () => grabber.grab(video, full));
    time("selector", () => selector.push(frame.gray, frame.width, frame.height, performance.now()));
    time("of it sharpness", () => measureSharpness(frame.gray, frame.width, frame.height));
    before = time("of it flow", () => {
      const small = halve({ ...frame, data: frame.gray });
      const pyramid = buildPyramid(small.data, small.width, small.height);
      if (!before) return pyramid;
      const corners = findCorners(before[0]);
      points = corners.length / 2;
      trackPoints(before, pyramid, corners);
      return pyramid;
    });
    if (i % 20 === 1) {
      grabber.keep(video);
      const start = performance.now();
      await grabber.encode();
      times.JPEG.push(performance.now() - start);
    }
  }
  return { times, points, size: [video.videoWidth, video.videoHeight] };
}
