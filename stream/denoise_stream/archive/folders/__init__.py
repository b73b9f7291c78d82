"""Folders of an archive, on this machine or in an object store."""
