"""How answers look: text for people, one JSON envelope for programs, JUnit for CI. Pure except for the writer."""
