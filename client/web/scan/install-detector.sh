#!/bin/sh
# Puts onnxruntime-web (npm) and the scan network beside the scan SDK: `make web-detector`. Both are left out of git.
set -eu
cd "$(dirname "$0")"
version=1.30.0
sum=d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71
command -v npm >/dev/null || { echo "npm is missing: on Debian, apt-get install npm."; exit 1; }
network=../../mobile/models
[ -f $network/scan.json ] || { echo "There is no scan network in client/mobile/models: whatsit build scan."; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "onnxruntime-web@$version" >/dev/null)
echo "$sum  $work/onnxruntime-web-$version.tgz" | sha256sum --check --quiet
tar -xzf "$work/onnxruntime-web-$version.tgz" -C "$work"
mkdir -p vendor models
cp "$work/package/dist/ort.wasm.min.mjs" "$work/package/dist/ort-wasm-simd-threaded.mjs" \
    "$work/package/dist/ort-wasm-simd-threaded.wasm" vendor/
cp $network/scan.json $network/*.onnx models/
echo "The detector of the browser is in client/web/scan/vendor and models ($(du -sh vendor | cut -f 1)); start the gateway again."
