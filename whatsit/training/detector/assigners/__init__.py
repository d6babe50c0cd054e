"""Assignment of anchors to boxes, named as the papers name it."""
