"""SVG pictures inside a page."""
import re

import markupsafe


def inline(text, own):
    """A picture without its file's head, with names that begin with `own`: names are shared by the whole page."""
    text = text[text.index("<svg"):]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{own}-\1"', text)
    text = re.sub(r'url\(#([^)]+)\)', rf'url(#{own}-\1)', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{own}-\1"', text)
    return markupsafe.Markup(text)
