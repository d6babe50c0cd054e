/** Elements and icons of `<whatsit-camera>`. The icons are 24 x 24 and have the colour of the text. */

const icon = (paths) =>
  `<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.8" ` +
  `stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${paths}</svg>`;

export const ICONS = {
  torch: icon('<path d="M13.2 2.8 5.5 13.4h5.3l-.9 7.8 8.6-11.4h-5.9z"/>'),
  switch: icon(
    '<path d="M4 9.5V8.6A2.1 2.1 0 0 1 6.1 6.5h1.7l1.4-2h5.6l1.4 2h1.7A2.1 2.1 0 0 1 20 8.6v8.3A2.1 2.1 0 0 1 17.9 19H6.1A2.1 2.1 0 0 1 4 16.9v-.6"/>' +
      '<path d="M9 12.3a3.2 3.2 0 0 1 5.7-1.4M15 13.2a3.2 3.2 0 0 1-5.7 1.4"/><path d="M15 8.9v2.2h-2.2M9 16.6v-2.2h2.2"/>',
  ),
  pause: icon('<path d="M8.5 6v12M15.5 6v12"/>'),
  resume: icon('<path d="M8 5.5v13l10.5-6.5z"/>'),
  noCamera: icon(
    '<path d="M9 5h5.8l1.4 2h1.7A2.1 2.1 0 0 1 20 9.1v7M18.5 19H6.1A2.1 2.1 0 0 1 4 16.9V9.1A2.1 2.1 0 0 1 5.8 7"/>' +
      '<path d="M9.7 10.7a3.2 3.2 0 0 0 4.4 4.4M3.5 3.5l17 17"/>',
  ),
};

export const CAMERA_TEMPLATE = document.createElement("template");
CAMERA_TEMPLATE.innerHTML = `
  <div class="stage"><div class="frame">
    <video playsinline muted></video>
    <div class="ring" aria-hidden="true"><span></span><span></span><span></span><span></span></div>
    <div class="flash" aria-hidden="true"></div>
    <p class="status" role="status" hidden></p>
    <div class="message" role="alert" hidden>
      <div class="badge">${ICONS.noCamera}</div><p></p><slot name="error"></slot>
    </div>
  </div></div>
  <div class="controls">
    <button type="button" class="torch" aria-pressed="false" hidden>${ICONS.torch}</button>
    <button type="button" class="shutter"><span></span></button>
    <button type="button" class="switch" hidden>${ICONS.switch}</button>
  </div>`;
