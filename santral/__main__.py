"""`python -m santral`, which is how the supervisor starts the other processes."""

import sys

from santral.cli import main

sys.exit(main())
