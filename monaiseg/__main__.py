"""`python -m monaiseg`, the same as the command `monaiseg`."""

import sys

from monaiseg.cli import main

sys.exit(main())
