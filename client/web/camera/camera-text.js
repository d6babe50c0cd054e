/** What the camera says. A page may pass other sentences under the same names, as the property `text`. */

const ENGLISH = {
  view: "Picture of the camera",
  starting: "Allow the camera when your browser asks",
  moving: "Point at a thing",
  settling: "Hold still",
  stable: "Focusing",
  sent: "Got it",
  blurred: "Not sharp yet: move a little away",
  dark: "Too dark: more light helps",
  bright: "Too bright: turn away from the light",
  paused: "Scanning is paused",
  shutter: "Take the photo",
  pause: "Pause scanning",
  resume: "Continue scanning",
  torchOn: "Turn the light on",
  torchOff: "Turn the light off",
  switchCamera: "Use the other camera",
  denied: "This page may not use the camera. Allow it in your browser's settings, or choose a photo.",
  none: "No camera was found, or another program is using it. Choose a photo instead.",
  insecure: "Browsers give the camera to https addresses only. Choose a photo instead.",
};

const GERMAN = {
  view: "Bild der Kamera",
  starting: "Erlauben Sie die Kamera, wenn der Browser fragt",
  moving: "Auf einen Gegenstand richten",
  settling: "Stillhalten",
  stable: "Wird scharf gestellt",
  sent: "Aufgenommen",
  blurred: "Noch unscharf: etwas weiter weg",
  dark: "Zu dunkel: mehr Licht hilft",
  bright: "Zu hell: vom Licht wegdrehen",
  paused: "Scannen angehalten",
  shutter: "Foto aufnehmen",
  pause: "Scannen anhalten",
  resume: "Weiter scannen",
  torchOn: "Licht einschalten",
  torchOff: "Licht ausschalten",
  switchCamera: "Andere Kamera verwenden",
  denied: "Diese Seite darf die Kamera nicht verwenden. Erlauben Sie es im Browser, oder wählen Sie ein Foto.",
  none: "Keine Kamera gefunden, oder ein anderes Programm benutzt sie. Wählen Sie stattdessen ein Foto.",
  insecure: "Browser geben die Kamera nur https-Adressen. Wählen Sie stattdessen ein Foto.",
};

const CHINESE = {
  view: "相机画面",
  starting: "请在浏览器询问时允许使用相机",
  moving: "对准物品",
  settling: "请保持不动",
  stable: "正在对焦",
  sent: "已拍摄",
  blurred: "还不清晰：请稍微拿远一点",
  dark: "太暗：请增加光线",
  bright: "太亮：请避开光源",
  paused: "扫描已暂停",
  shutter: "拍照",
  pause: "暂停扫描",
  resume: "继续扫描",
  torchOn: "打开灯光",
  torchOff: "关闭灯光",
  switchCamera: "切换相机",
  denied: "此页面无权使用相机。请在浏览器设置中允许，或选择一张照片。",
  none: "没有找到相机，或其他程序正在使用它。请选择一张照片。",
  insecure: "浏览器只允许 https 地址使用相机。请选择一张照片。",
};

/** Sentences by language, as in the attribute `lang`. */
export const CAMERA_TEXTS = { en: ENGLISH, de: GERMAN, zh: CHINESE };

/** Return the sentences of a language such as "de-AT"; English where there are none. */
export function cameraText(language) {
  return CAMERA_TEXTS[String(language).toLowerCase().split("-")[0]] ?? ENGLISH;
}
