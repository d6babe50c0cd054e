"""Fit the weight of a cluster of crops: how likely its box is right.

python -m perf.loop.crops.fit_weight --data ../shared/data
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from perf.loop.crops.people import crop_each, crop_picture
from perf.loop.crops.scenes import boxes_of, matches, read_scenes
from whatsit.vision.box_clusters import cluster_boxes, weight_features

COUNTS = (1, 2, 3, 5, 10, 20, 30)


def main() -> None:
    """Print the constants of `box_clusters.WEIGHTS`, fitted on the scenes that are not held out."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    scenes, _ = read_scenes(parser.parse_args().data)
    rows, right = [], []
    for count in COUNTS:
        for crop in (crop_each, crop_picture):
            for number, scene in enumerate(scenes):
                rng = np.random.default_rng([7, count, number])
                crops = crop(scene.corners(), (scene.width, scene.height), count, rng)
                clusters = cluster_boxes(crops.boxes)
                rows += [weight_features(one, len(crops.boxes)) for one in clusters]
                right += (matches(boxes_of(clusters), scene.corners()) >= 0).tolist()
    features, truth = np.array(rows), np.array(right)
    fitted = LogisticRegression(C=100.0, max_iter=1000).fit(features, truth)
    print("WEIGHTS =", tuple(round(float(one), 2) for one in (*fitted.intercept_, *fitted.coef_[0])))
    chance = fitted.predict_proba(features)[:, 1]
    for low in np.arange(0, 1, 0.1):
        inside = (chance >= low) & (chance < low + 0.1)
        print(f"{low:.1f} to {low + 0.1:.1f}: {inside.sum():6d} boxes, {truth[inside].mean():.2f} of them right")


if __name__ == "__main__":
    main()
