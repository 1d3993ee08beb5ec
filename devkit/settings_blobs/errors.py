"""Why a command on settings in a blob ended; shown without a traceback."""


class SettingsBlobError(Exception):
    """Nothing was done, or not all of it; the message says what and why."""
