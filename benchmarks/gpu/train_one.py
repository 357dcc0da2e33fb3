"""``python -m isoflop.train`` as a script, for ``device.start``."""

import sys

from isoflop.train.__main__ import main

sys.exit(main())
