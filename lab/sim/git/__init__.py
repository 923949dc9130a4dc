"""The lab's git server: bare repositories over HTTP, the part of Gitea's API that is needed, trees for renderers."""
