"""`python -m minidl_core` is `minidl`."""

from minidl_core.cli.main import main

if __name__ == "__main__":
    main()
