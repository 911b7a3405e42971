"""Root of the test configuration: reports suites that could not run. Fixtures live in tests/conftest.py."""

pytest_plugins = ["tests.plugins.absent"]
