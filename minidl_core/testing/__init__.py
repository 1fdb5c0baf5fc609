"""The conformance kit: what every component must pass, ours and yours.

`check_component` runs it; `parametrize_components` makes a test of each check of a package's components; from a shell,
`minidl check`.
"""

from minidl_core.testing.kit import Check, check_component, checks_of
from minidl_core.testing.parametrize import parametrize_components
from minidl_core.testing.result import CheckFailed, Result

__all__ = ["Check", "CheckFailed", "Result", "check_component", "checks_of", "parametrize_components"]
