"""Text -> syntax tree with source spans -> components; and back to text.

    chain = item { "-" item }
    item  = [ NAME ":" ] unit [ "*" INT ]                    label, repeat:   h:(linear(_,64)-relu)*3
    unit  = call | "(" chain ")"
    call  = NAME [ "(" [ arg { "," arg } ] ")" ]
    arg   = [ NAME "=" ] value
    value = NUMBER | STRING | true | false | none | "_" | "[" [ value { "," value } ] "]" | chain
    NAME  = ident { "." ident }                              plugin-qualified: extra_losses.huber

White space, new lines and `#` comments are free.
"""

from minidl_core.spec.builder import build_component, build_model
from minidl_core.spec.conformance import Conformance
from minidl_core.spec.parser import parse

__all__ = ["Conformance", "build_component", "build_model", "parse"]
