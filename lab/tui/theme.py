"""The two themes: calm ground, one accent, three colours that mean something."""

from textual.theme import Theme

_QUIET_CURSOR = {
    "block-cursor-text-style": "bold",
    "block-cursor-blurred-text-style": "none",
}

DARK = Theme(
    name="lab-dark",
    dark=True,
    primary="#7fb4c4",
    secondary="#9aa5d6",
    accent="#7fc4c0",
    foreground="#d3d7de",
    background="#14171c",
    surface="#14171c",
    panel="#1d2128",
    success="#93c47d",
    warning="#dcb86a",
    error="#e5827b",
    variables={
        **_QUIET_CURSOR,
        "border": "#7fc4c0",
        "border-blurred": "#363d48",
        "block-cursor-background": "#2c3a44",
        "block-cursor-foreground": "#f0f3f7",
        "block-cursor-blurred-background": "#20252d",
        "block-cursor-blurred-foreground": "#d3d7de",
        "block-hover-background": "#20252d",
        "text-muted": "#8b93a1",
        "footer-background": "#1d2128",
        "footer-key-foreground": "#7fc4c0",
        "footer-description-foreground": "#aab1bd",
        "scrollbar": "#363d48",
        "scrollbar-hover": "#4a5361",
        "scrollbar-active": "#7fc4c0",
        "scrollbar-background": "#14171c",
        "scrollbar-background-hover": "#14171c",
        "scrollbar-background-active": "#14171c",
        "scrollbar-corner-color": "#14171c",
    },
)

LIGHT = Theme(
    name="lab-light",
    dark=False,
    primary="#2f6f86",
    secondary="#4f5ba6",
    accent="#1f7a78",
    foreground="#23272e",
    background="#fafaf7",
    surface="#fafaf7",
    panel="#eeeeea",
    success="#3c7a2a",
    warning="#946300",
    error="#b3362e",
    variables={
        **_QUIET_CURSOR,
        "border": "#1f7a78",
        "border-blurred": "#cfcfc8",
        "block-cursor-background": "#d5e6e6",
        "block-cursor-foreground": "#14171c",
        "block-cursor-blurred-background": "#ecece6",
        "block-cursor-blurred-foreground": "#23272e",
        "block-hover-background": "#ecece6",
        "text-muted": "#6b7078",
        "footer-background": "#eeeeea",
        "footer-key-foreground": "#1f7a78",
        "footer-description-foreground": "#4c525b",
        "scrollbar": "#cfcfc8",
        "scrollbar-hover": "#b5b5ad",
        "scrollbar-active": "#1f7a78",
        "scrollbar-background": "#fafaf7",
        "scrollbar-background-hover": "#fafaf7",
        "scrollbar-background-active": "#fafaf7",
        "scrollbar-corner-color": "#fafaf7",
    },
)

THEMES = (DARK, LIGHT)
