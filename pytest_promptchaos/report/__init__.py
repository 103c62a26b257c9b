"""Records become documents: evidence file, JUnit, HTML and the terminal summary."""
