"""What `schemathesis run` must be told: which values the scalars that it does not know have."""

import schemathesis
from graphql import IntValueNode, ObjectValueNode
from hypothesis import strategies

schemathesis.graphql.scalar("JSON", strategies.integers(0, 9).map(lambda digit: IntValueNode(value=str(digit))))
schemathesis.graphql.scalar("_Any", strategies.builds(ObjectValueNode, fields=strategies.just(())))
