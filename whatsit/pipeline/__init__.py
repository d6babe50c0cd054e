"""The path from an encoded picture to a described one, as pure functions on value types."""
