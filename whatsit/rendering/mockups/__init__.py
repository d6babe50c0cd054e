"""Screenshots and advertisements composed around real photos."""

from whatsit.rendering.mockups.advertisement import compose_advertisement
from whatsit.rendering.mockups.screenshot import compose_screenshot

__all__ = ["compose_advertisement", "compose_screenshot"]
