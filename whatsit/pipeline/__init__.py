"""Pure functions on value types: from an encoded picture to its description."""
