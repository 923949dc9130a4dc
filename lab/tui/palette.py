"""The command palette's entries: the registry's actions that are possible on this screen now."""

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lab.tui.actions import Action, shown
from lab.tui.screens.page import Page


class ActionCommands(Provider):
    """Offers what the screen below can do."""

    def _possible(self) -> list[Action]:
        page = self.screen
        if not isinstance(page, Page):
            return []
        facts = page.facts
        return [a for a in page.actions if a.id != "palette" and not a.possible(facts)]

    def _title(self, action: Action) -> str:
        return f"{action.label}  ({shown(action)})" if action.key else action.label

    async def discover(self) -> Hits:
        for action in self._possible():
            yield DiscoveryHit(
                self._title(action), partial(self.screen.run_action, f"act('{action.id}')"), help=action.help
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._possible():
            title = self._title(action)
            score = max(matcher.match(title), matcher.match(action.help) * 0.8)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(title),
                    partial(self.screen.run_action, f"act('{action.id}')"),
                    help=action.help,
                )
