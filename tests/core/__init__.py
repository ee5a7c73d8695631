"""The pure core: no file, no process, no clock."""
