"""The console script `listings`."""

from listings.cli import main

if __name__ == "__main__":
    main()
