"""Checks of what was written, and the messages that say what is wrong and how to mend it."""
