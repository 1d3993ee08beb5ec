"""Python imports this at start when the folder is on its path: it moves the clock, but not monotonic time.

Standard library only, apart from time-machine: an interpreter of another environment does not have it and keeps the
real time.
"""

import os
import sys
import time

_SHIFT = os.environ.get("DEVKIT_CLOCK_SHIFT")
_COSTLY = ("pytest", "dateutil")  # time-machine imports them for extras that nobody needs at a start

if _SHIFT:
    _absent = [name for name in _COSTLY if name not in sys.modules]
    sys.modules.update(dict.fromkeys(_absent))  # type: ignore[arg-type]  # None makes an import fail
    try:
        import time_machine
    except ImportError:
        pass
    else:
        _shifted = time_machine.travel(time.time() + float(_SHIFT), tick=True).start()
        # starting takes seconds on a busy machine: without this, the clock would be behind that of other processes
        _shifted.shift(time_machine.escape_hatch.time.time() + float(_SHIFT) - time.time())
    finally:
        for _name in _absent:
            del sys.modules[_name]
