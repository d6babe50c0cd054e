"""Scan with a camera: choose the frame, find the thing, send one crop.

`Scanner` takes frames and gives requests for `Client.identify`. Pure: no camera, no clock, no network. It needs NumPy
and Pillow; the detector needs ncnn or ONNX Runtime (`whatsit-client[scan]`).
"""

from whatsit_client.scan.center_decoding import Contract, Detections, decode_centers
from whatsit_client.scan.frame_selector import FrameSelector, Thresholds
from whatsit_client.scan.scan_detector import BoxDetector, Detector, ScanDetector, open_detector
from whatsit_client.scan.scanner import Choice, ScanDecision, Scanner, ScanOptions, ScanRequest, sent_crop
from whatsit_client.scan.tracker import Track, Tracker, TrackerOptions

__all__ = [
    "BoxDetector",
    "Choice",
    "Contract",
    "Detections",
    "Detector",
    "FrameSelector",
    "ScanDecision",
    "ScanDetector",
    "ScanOptions",
    "ScanRequest",
    "Scanner",
    "Thresholds",
    "Track",
    "Tracker",
    "TrackerOptions",
    "decode_centers",
    "open_detector",
    "sent_crop",
]
