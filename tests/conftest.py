"""What every test may ask for: pytest takes plug-ins from the topmost conftest only."""

pytest_plugins = ["tests.scheduling", "tests.functional.storage", "tests.functional.registration"]
