"""What the answers mean: weighted estimates and comparisons with honest uncertainty.

The names and where they are stand in ``__init__.pyi``; a module is loaded when one of
its names is first asked for, because pandas and scipy take a second to load.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
