#!/usr/bin/env bash
# Builds the engine of every network into a folder; what is there already is kept, so that it can be run again.
set -euo pipefail
folder=${1:?usage: build/engines.sh FOLDER}
for network in detector classifier embedder; do
    if [ -s "$folder/$network.plan" ]; then
        echo "$folder/$network.plan is there already"
    else
        whatsit build "$network" --target tensorrt --out "$folder/$network.plan"
    fi
done
