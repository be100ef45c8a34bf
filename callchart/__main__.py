"""`python -m callchart`: the command line."""

import sys

from callchart.adapters.service.cli import main

if __name__ == "__main__":
    sys.exit(main())
