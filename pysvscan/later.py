"""Modules that others import and we never use: loaded when somebody uses them after all."""

import importlib
import sys
from types import ModuleType


class Later(ModuleType):
    """Stands for a module until something in it is asked for.

    importlib's LazyLoader would not do: to import its module once more is to ask for something.
    """

    def __getattr__(self, name: str) -> object:
        """Look the name up in the module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def put_off(name: str) -> None:
    """Have whoever imports a module get what stands for it, if it is not loaded yet."""
    sys.modules.setdefault(name, Later(name))
