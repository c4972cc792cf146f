"""How Sphinx builds the site: ``make docs``."""

from importlib.metadata import version as version_of

from pygments.lexers.templates import HtmlDjangoLexer
from sphinx.application import Sphinx

project = "flask_twofactor"
author = "the flask_twofactor authors"
project_copyright = author
release = version_of("flask-twofactor")

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

# Anchors of headings as code hosts make them, so that a link holds in both places.
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence"]
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = "flask_twofactor"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f4fc4", "color-brand-content": "#2f4fc4"},
    "dark_css_variables": {"color-brand-primary": "#9db4ff", "color-brand-content": "#9db4ff"},
}
pygments_style = "friendly"
pygments_dark_style = "native"

linkcheck_timeout = 20
linkcheck_retries = 2


def setup(app: Sphinx) -> None:
    """Colour the HTML of templates too; code hosts know them as `jinja`."""
    app.add_lexer("jinja", HtmlDjangoLexer)
