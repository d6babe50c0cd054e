/** Style of `<whatsit-camera>`; the page sets its height and `--accent`, `--surface`, `--ink` and `--warning`. */

export const CAMERA_STYLE = new CSSStyleSheet();

CAMERA_STYLE.replaceSync(`
:host {
  --camera-accent: var(--accent, #5b8cff);
  --camera-surface: var(--surface, #0e1117);
  --camera-ink: var(--ink, #f4f6fb);
  --camera-warning: var(--warning, #f2a33a);
  --aspect: 0.75;
  --quiet: color-mix(in srgb, var(--camera-ink) 12%, var(--camera-surface));
  display: block;
  box-sizing: border-box;
  block-size: min(70dvh, 44rem);
  min-block-size: 18rem;
  padding: 1.125rem;
  background: var(--camera-surface);
  color: var(--camera-ink);
  font: 500 0.9375rem/1.35 system-ui, sans-serif;
  touch-action: manipulation;
}
:host([hidden]), [hidden] { display: none !important; }

.camera { display: grid; grid-template-rows: minmax(0, 1fr) auto; gap: 1rem; block-size: 100%; }
.stage { container-type: size; display: grid; place-items: center; }
.frame {
  position: relative;
  inline-size: min(100cqw, 100cqh * var(--aspect));
  aspect-ratio: var(--aspect);
}
video {
  display: block;
  inline-size: 100%;
  block-size: 100%;
  border-radius: 1.5rem;
  object-fit: cover;
  background: color-mix(in srgb, var(--camera-ink) 6%, var(--camera-surface));
}
.mirrored { transform: scaleX(-1); }

/* Four corners that grow together into a ring as the picture settles. */
.ring { position: absolute; inset: -0.5rem; pointer-events: none; color: color-mix(in srgb, var(--camera-ink) 55%, transparent); transition: color 0.2s; }
.ring span {
  position: absolute;
  inline-size: 3.25rem;
  block-size: 3.25rem;
  box-sizing: border-box;
  border: 0 solid currentColor;
  transition: inline-size 0.4s cubic-bezier(0.3, 0, 0.2, 1), block-size 0.4s cubic-bezier(0.3, 0, 0.2, 1);
}
.ring span:nth-child(1) { inset-block-start: 0; left: 0; border-block-start-width: 3px; border-left-width: 3px; border-top-left-radius: 2rem; }
.ring span:nth-child(2) { inset-block-start: 0; right: 0; border-block-start-width: 3px; border-right-width: 3px; border-top-right-radius: 2rem; }
.ring span:nth-child(3) { inset-block-end: 0; right: 0; border-block-end-width: 3px; border-right-width: 3px; border-bottom-right-radius: 2rem; }
.ring span:nth-child(4) { inset-block-end: 0; left: 0; border-block-end-width: 3px; border-left-width: 3px; border-bottom-left-radius: 2rem; }
:host([state="settling"]) .ring { color: var(--camera-ink); }
:host([state="settling"]) .ring span { inline-size: 34%; block-size: 34%; }
:host([state="stable"]) .ring, :host([state="sent"]) .ring { color: var(--camera-accent); }
:host([state="stable"]) .ring span, :host([state="sent"]) .ring span { inline-size: 50.5%; block-size: 50.5%; }
:host([problem]) .ring { color: var(--camera-warning); }
:host([state="starting"]) .ring, :host([state="error"]) .ring, :host([state="off"]) .ring { opacity: 0; }

.flash { position: absolute; inset: 0; border-radius: 1.5rem; background: #fff; opacity: 0; pointer-events: none; }
.flash.on { animation: flash 0.35s ease-out; }
@keyframes flash { from { opacity: 0.75; } to { opacity: 0; } }

.status {
  position: absolute;
  inset-block-start: 0.875rem;
  left: 50%;
  transform: translateX(-50%);
  display: flex;
  align-items: center;
  gap: 0.5rem;
  box-sizing: border-box;
  max-inline-size: calc(100% - 1.75rem);
  inline-size: max-content;
  margin: 0;
  padding: 0.5rem 0.875rem;
  border-radius: 1.25rem;
  background: rgb(10 12 17 / 0.78);
  color: #fff;
  backdrop-filter: blur(12px) saturate(1.4);
}
.status::before {
  content: "";
  flex: none;
  inline-size: 0.5rem;
  block-size: 0.5rem;
  border-radius: 50%;
  background: rgb(255 255 255 / 0.6);
}
:host([state="stable"]) .status::before, :host([state="sent"]) .status::before { background: var(--camera-accent); box-shadow: 0 0 0 1.5px #fff; }
:host([problem]) .status::before { background: var(--camera-warning); }
:host([state="starting"]) .status::before { animation: breathe 1.4s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: 0.25; } }

.message {
  position: absolute;
  inset: 0;
  display: grid;
  place-content: center;
  justify-items: center;
  gap: 1rem;
  padding: 1.5rem;
  border-radius: 1.5rem;
  background: color-mix(in srgb, var(--camera-ink) 6%, var(--camera-surface));
  text-align: center;
  text-wrap: balance;
}
:host([state="error"]) .frame { inline-size: min(100%, 44rem); block-size: min(100%, 44rem); aspect-ratio: auto; }
.message p { max-inline-size: 24rem; margin: 0; font-size: 1.0625rem; }
.badge {
  display: grid;
  place-items: center;
  inline-size: 4.5rem;
  block-size: 4.5rem;
  border-radius: 50%;
  background: color-mix(in srgb, var(--camera-ink) 10%, transparent);
}
.badge svg { inline-size: 2.25rem; block-size: 2.25rem; }

.controls { display: grid; grid-template-columns: 3.25rem auto 3.25rem; justify-content: center; align-items: center; gap: clamp(1.75rem, 12vw, 4rem); min-block-size: 5rem; }
:host([state="error"]) .controls { display: none; }
button {
  display: grid;
  place-items: center;
  box-sizing: border-box;
  padding: 0;
  border: 0;
  border-radius: 50%;
  color: inherit;
  font: inherit;
  cursor: pointer;
  -webkit-tap-highlight-color: transparent;
}
button:focus-visible { outline: 3px solid var(--camera-accent); outline-offset: 4px; }
button:disabled { opacity: 0.4; cursor: default; }
.torch { grid-column: 1; }
.switch { grid-column: 3; }
.torch, .switch { inline-size: 3.25rem; block-size: 3.25rem; background: var(--quiet); transition: background 0.15s, color 0.15s; }
.torch:hover, .switch:hover { background: color-mix(in srgb, var(--camera-ink) 22%, var(--camera-surface)); }
.torch[aria-pressed="true"] { background: var(--camera-ink); color: var(--camera-surface); }
.shutter {
  grid-column: 2;
  inline-size: 5rem;
  block-size: 5rem;
  border: 4px solid var(--camera-ink);
  background: transparent;
}
.shutter span {
  display: grid;
  place-items: center;
  inline-size: 3.75rem;
  block-size: 3.75rem;
  border-radius: 50%;
  background: var(--camera-ink);
  color: var(--camera-surface);
  transition: transform 0.12s ease-out, background 0.2s;
}
.shutter:hover span { transform: scale(0.95); }
.shutter:active span { transform: scale(0.86); }
:host([state="stable"]:not([problem])) .shutter span { background: var(--camera-accent); }
.shutter svg { inline-size: 1.75rem; block-size: 1.75rem; }

@media (orientation: landscape) {
  :host { --aspect: 1.3333; }
}
/* A phone held across: the buttons stand beside the picture. */
@media (orientation: landscape) and (max-height: 32rem) {
  :host { min-block-size: 14rem; }
  .camera { grid-template: minmax(0, 1fr) / minmax(0, 1fr) auto; }
  .controls { grid-template: 3.25rem auto 3.25rem / auto; align-content: center; justify-items: center; gap: 1.25rem; min-block-size: 0; }
  .torch { grid-area: 3 / 1; }
  .shutter { grid-area: 2 / 1; }
  .switch { grid-area: 1 / 1; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) {
  .shutter span { background: ButtonText; }
  .torch, .switch, .status { border: 1px solid ButtonText; }
}
@media print { :host { display: none; } }
`);
