"""Every component of this package passes minidl's conformance kit; one that is added is found."""

from minidl_core.testing import Check, parametrize_components


@parametrize_components(distribution="minidl-extra-layers")
def test_conformance(check: Check) -> None:
    check()
