"""The pages of an entity's displays: the choice of one, and the change of one field in place.

Does not belong here: the pages themselves (`views.displays`, `views.cells`).
"""

from __future__ import annotations

from flask_appbuilder import expose
from werkzeug.wrappers import Response

from views import cells, displays
from views.screen import Screen

Answer = str | Response | tuple[str, int]


class DisplayPages:
    """Part of the view of an entity; `screen` is set by `views.console.register`."""

    screen: Screen

    @expose("/arrange", methods=("GET", "POST"))
    def arrange(self) -> Answer:
        return displays.arrange(self.screen)

    @expose("/<int:key>/cell/<field>", methods=("GET", "POST"))
    def cell(self, key: int, field: str) -> Answer:
        return cells.edit(self.screen, key, field)
