"""The stories, by scenario."""

from tests.equality.stories import centralized, distributed, hybrid
from tests.equality.stories.story import Checkpoint, Story

STORIES = {story.name: story for story in (centralized.STORY, distributed.STORY, hybrid.STORY)}

__all__ = ["STORIES", "Checkpoint", "Story"]
