"""What Schemathesis cannot know of the gateway: which of its refusals a schema does not foresee.

Both checks make narrow what schemathesis.toml allows by status.
"""

import schemathesis
from schemathesis.core.failures import Failure

# Forms that depend on other things than the field itself: what a reference names, an asset's decimals and bounds, a list's
# own cursors, a check digit, a second parameter. To JSON Schema 1.0 is an integer; it is none to the gateway. And the
# tool puts the null of a field without a value into a path.
BEYOND_A_SCHEMA = (
    ("request.unknown-reference", ""),
    ("request.invalid-field", "must have at most"),
    ("request.invalid-field", "must be a whole number"),
    ("request.invalid-field", "must be at most"),
    ("request.invalid-field", "must be above 0"),
    ("request.invalid-field", "is too large"),
    ("request.invalid-field", "invalid type: floating point"),
    ("request.invalid-path", "run in the path must be a whole number"),
    ("request.invalid-field", "with its check digit"),
    ("request.invalid-field", "a limit order needs it"),
    ("request.invalid-field", "must be left out of a market order"),
    ("request.invalid-query", "the cursor"),
    ("request.invalid-query", "cursor must be"),
    ("request.invalid-query", "exclude each other"),
)


def problem(response):
    """The code and the sentence of a refusal."""
    document = response.json()
    return document["code"], document["detail"]


def is_well_formed(case):
    """Whether all of the request is as the document wants it."""
    mode = case.meta.generation.mode if case.meta else None
    return mode is not None and mode.is_positive


@schemathesis.check
def refused_for_a_known_reason(ctx, response, case):
    """A well-formed request is 400 only for what no schema can say."""
    if response.status_code != 400 or not is_well_formed(case):
        return None
    code, detail = problem(response)
    if not any(code == known and words in detail for known, words in BEYOND_A_SCHEMA):
        raise Failure(operation=case.operation.label, title="Well-formed and refused", message=f"{code}: {detail}")
    return None


@schemathesis.check
def unavailable_for_a_known_reason(ctx, response, case):
    """The only thing that is not available is a position that was not reached."""
    if response.status_code == 503 and problem(response)[0] != "node.position-not-reached":
        code, detail = problem(response)
        raise Failure(operation=case.operation.label, title="Unavailable", message=f"{code}: {detail}")
    return None
