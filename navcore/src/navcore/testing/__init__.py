"""For authors of plugins: toys to arrange tests with, and conformance suites to subclass."""
