"""`python3 -m devkit.connector`: write the generated files and texts anew, after a route or a text has changed."""

from devkit.connector.document import build_files

for path, text in build_files().items():
    path.write_text(text, encoding="utf-8")
