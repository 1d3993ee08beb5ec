"""What can stop the local host: one family, each with a sentence for the person at the keyboard."""


class HostError(Exception):
    """The local host cannot do what was asked. The message says why and, where known, what to change."""


class SettingsError(HostError):
    """host.json, the settings file or a setting is missing or wrong."""


class KeysError(HostError):
    """The key file cannot be read as one."""


class IndexingError(HostError):
    """The worker library refused the app. On the platform such an app has no functions at all."""


class UnsupportedError(IndexingError):
    """The app uses something real that this host does not speak."""


class FunctionError(HostError):
    """One function cannot start; the others do, as on the platform."""
