/** Elements and icons of `<whatsit-camera>`. The icons are 24 x 24 and have the colour of the text. */

const icon = (paths) =>
  `<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.8" ` +
  `stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${paths}</svg>`;

export const ICONS = {
  torch: icon('<path d="M13.2 2.8 5.5 13.4h5.3l-.9 7.8 8.6-11.4h-5.9z"/>'),
  switch: icon(
    '<path d="M4.5 11.2a7.6 7.6 0 0 1 13.3-4.2l1.7 1.9M19.5 12.8a7.6 7.6 0 0 1-13.3 4.2l-1.7-1.9"/>' +
      '<path d="M19.6 4.6v4.3h-4.3M4.4 19.4v-4.3h4.3"/><circle cx="12" cy="12" r="2.3"/>',
  ),
  pause: icon('<path d="M8.5 6v12M15.5 6v12"/>'),
  resume: icon('<path d="M8 5.5v13l10.5-6.5z"/>'),
  noCamera: icon(
    '<path d="M9 5h5.8l1.4 2h1.7A2.1 2.1 0 0 1 20 9.1v7M18.5 19H6.1A2.1 2.1 0 0 1 4 16.9V9.1A2.1 2.1 0 0 1 5.8 7"/>' +
      '<path d="M9.7 10.7a3.2 3.2 0 0 0 4.4 4.4M3.5 3.5l17 17"/>',
  ),
};

export const CAMERA_TEMPLATE = document.createElement("template");
CAMERA_TEMPLATE.innerHTML = `<div class="camera">
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
  </div>
</div>`;
