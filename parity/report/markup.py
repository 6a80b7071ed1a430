"""No text that a user chose can become markup in a report."""

from html import escape

from parity.report.wording import visible_lines


def escaped(text: str) -> str:
    """``text`` as HTML content or an attribute; line breaks stay, control characters are named."""
    return escape("\n".join(visible_lines(text)), quote=True)
