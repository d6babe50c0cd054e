"""Pixels and boxes: decode, letterbox, crop, IoU, NMS and the choice of regions."""
