"""Builds the bundled models, `tiny-chat` and `tiny-chat-robust`, from this folder alone."""
