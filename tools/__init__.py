"""Tools for who develops this project; not part of the package."""
